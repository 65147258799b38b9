/*
 * The C side of the tests of interoperation: publishes through librabbitmq, or prints what it consumes.
 * What must arrive is the test's to know.
 *
 *   URL publish QUEUE        < lines "FLAGS BODY": which properties, and octets, both in hexadecimal
 *   URL consume QUEUE COUNT  > lines of JSON: {"properties": ..., "body": "..."}
 */
#if !__has_include(<amqp.h>)
#error "install Debian's package librabbitmq-dev"
#endif
#define _GNU_SOURCE
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#define CHANNEL 1
#define FRAME_MAX 4096
#define LIMIT_SECONDS 30

#define BYTES(text) {sizeof(text) - 1, text}
#define COUNT_OF(array) (int)(sizeof(array) / sizeof(*(array)))
#define VALUE(kind_, ...) {.kind = AMQP_FIELD_KIND_##kind_, .value = {__VA_ARGS__}}
#define ENTRY(name, ...) {BYTES(name), VALUE(__VA_ARGS__)}
#define TABLE(entries_) .table = {COUNT_OF(entries_), entries_}
#define ARRAY(values_) .array = {COUNT_OF(values_), values_}

static amqp_field_value_t one_true[] = {VALUE(BOOLEAN, .boolean = 1)};
static amqp_table_entry_t deep[] = {ENTRY("deep", ARRAY, ARRAY(one_true))};
static amqp_field_value_t values[] = {
    VALUE(I32, .i32 = 1), VALUE(UTF8, .bytes = BYTES("two")), VALUE(VOID, .i32 = 0),
    VALUE(TABLE, TABLE(deep)), VALUE(ARRAY, .array = {0, NULL}),
};
static amqp_table_entry_t nested[] = {
    ENTRY("b", I8, .i8 = -1),
    ENTRY("empty", TABLE, .table = {0, NULL}),
    ENTRY("x", BYTES, .bytes = BYTES("")),
};
static amqp_table_entry_t headers[] = {
    ENTRY("A", ARRAY, ARRAY(values)),
    ENTRY("B", U8, .u8 = UINT8_MAX),
    ENTRY("D", DECIMAL, .decimal = {2, 314}),
    ENTRY("D max", DECIMAL, .decimal = {UINT8_MAX, UINT32_MAX}),
    ENTRY("F", TABLE, TABLE(nested)),
    ENTRY("I", I32, .i32 = INT32_MIN),
    ENTRY("L", U64, .u64 = UINT64_MAX),
    ENTRY("S", UTF8, .bytes = BYTES("gr\xc3\xbc\xc3\x9f" "e \xe2\x98\x95")),
    ENTRY("S empty", UTF8, .bytes = BYTES("")),
    ENTRY("S octets", UTF8, .bytes = BYTES("\0\xff\x80")),
    ENTRY("T", TIMESTAMP, .u64 = UINT64_MAX),
    ENTRY("V", VOID, .i32 = 0),
    ENTRY("b", I8, .i8 = INT8_MIN),
    ENTRY("d", F64, .f64 = -2.5e-300),
    ENTRY("f", F32, .f32 = 0.1f),
    ENTRY("i", U32, .u32 = UINT32_MAX),
    ENTRY("l", I64, .i64 = INT64_MIN),
    ENTRY("s", I16, .i16 = INT16_MIN),
    ENTRY("t", BOOLEAN, .boolean = 1),
    ENTRY("t false", BOOLEAN, .boolean = 0),
    ENTRY("u", U16, .u16 = UINT16_MAX),
    ENTRY("x", BYTES, .bytes = BYTES("\0\xff\0\x80")),
    ENTRY("\xff\0\xfe", VOID, .i32 = 0),
};

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void check(int status, const char *what) {
  if (status < 0) fail(what, amqp_error_string2(status));
}

static void check_reply(amqp_rpc_reply_t reply, const char *what) {
  if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION) check(reply.library_error, what);
  if (reply.reply_type != AMQP_RESPONSE_NORMAL) fail(what, "refused by the server");
}

static amqp_connection_state_t open_connection(struct amqp_connection_info *info) {
  amqp_connection_state_t connection = amqp_new_connection();
  amqp_socket_t *socket = amqp_tcp_socket_new(connection);
  check(amqp_socket_open(socket, info->host, info->port), "connect");
  check_reply(amqp_login(connection, info->vhost, 0, FRAME_MAX, 0, AMQP_SASL_METHOD_PLAIN, info->user, info->password),
              "login");
  if (amqp_get_frame_max(connection) != FRAME_MAX) fail("tune", "another frame_max");
  amqp_channel_open(connection, CHANNEL);
  check_reply(amqp_get_rpc_reply(connection), "channel.open");
  return connection;
}

static int nibble(char digit) { return digit <= '9' ? digit - '0' : digit - 'a' + 10; }

static void publish(amqp_connection_state_t connection, char *queue, char *user) {
  static char message_id[255];
  memset(message_id, 'x', sizeof message_id);
  amqp_basic_properties_t properties = {
      .content_type = BYTES("text/plain; charset=utf-8"),
      .content_encoding = BYTES("identity"),
      .headers = {COUNT_OF(headers), headers},
      .delivery_mode = 2,
      .priority = UINT8_MAX,
      .correlation_id = BYTES("\0\xff\x80\xfe"),
      .reply_to = BYTES("reply \xe2\x98\x95"),
      .expiration = BYTES("4294967295"),
      .message_id = {sizeof message_id, message_id},
      .timestamp = UINT64_MAX,
      .type = BYTES(""),
      .user_id = amqp_cstring_bytes(user),
      .app_id = BYTES("an app"),
      .cluster_id = BYTES("a cluster"),
  };
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, stdin) > 0) {
    char *digits;
    properties._flags = strtoul(line, &digits, 16);
    digits += strspn(digits, " ");
    /* The octets take the place of their digits. */
    amqp_bytes_t body = {0, line};
    for (; digits[0] != '\n'; digits += 2) line[body.len++] = (char)(nibble(digits[0]) << 4 | nibble(digits[1]));
    check(amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, amqp_cstring_bytes(queue), 1, 0, &properties, body),
          "basic.publish");
  }
  free(line);
}

static void print_hex(amqp_bytes_t octets) {
  const unsigned char *octet = octets.bytes;
  putchar('"');
  for (size_t i = 0; i < octets.len; i++) printf("%02x", octet[i]);
  putchar('"');
}

static void print_octets(amqp_bytes_t octets) {
  printf("{\"hex\":");
  print_hex(octets);
  putchar('}');
}

static void print_table(amqp_table_t table);

static void print_value(amqp_field_value_t field) {
  uint32_t bits32;
  uint64_t bits64;
  printf("{\"%c\":", field.kind);
  switch (field.kind) {
    case AMQP_FIELD_KIND_BOOLEAN: printf(field.value.boolean ? "true" : "false"); break;
    case AMQP_FIELD_KIND_I8: printf("%" PRId8, field.value.i8); break;
    case AMQP_FIELD_KIND_U8: printf("%" PRIu8, field.value.u8); break;
    case AMQP_FIELD_KIND_I16: printf("%" PRId16, field.value.i16); break;
    case AMQP_FIELD_KIND_U16: printf("%" PRIu16, field.value.u16); break;
    case AMQP_FIELD_KIND_I32: printf("%" PRId32, field.value.i32); break;
    case AMQP_FIELD_KIND_U32: printf("%" PRIu32, field.value.u32); break;
    case AMQP_FIELD_KIND_I64: printf("%" PRId64, field.value.i64); break;
    /* Unsigned for librabbitmq, signed for RabbitMQ and the test: the same bits. */
    case AMQP_FIELD_KIND_U64: printf("%" PRId64, (int64_t)field.value.u64); break;
    case AMQP_FIELD_KIND_TIMESTAMP: printf("%" PRIu64, field.value.u64); break;
    case AMQP_FIELD_KIND_F32:
      memcpy(&bits32, &field.value.f32, sizeof bits32);
      printf("{\"bits\":\"%08" PRIx32 "\"}", bits32);
      break;
    case AMQP_FIELD_KIND_F64:
      memcpy(&bits64, &field.value.f64, sizeof bits64);
      printf("{\"bits\":\"%016" PRIx64 "\"}", bits64);
      break;
    case AMQP_FIELD_KIND_DECIMAL:
      printf("{\"scale\":%" PRIu8 ",\"value\":%" PRIu32 "}", field.value.decimal.decimals, field.value.decimal.value);
      break;
    case AMQP_FIELD_KIND_UTF8:
    case AMQP_FIELD_KIND_BYTES: print_octets(field.value.bytes); break;
    case AMQP_FIELD_KIND_TABLE: print_table(field.value.table); break;
    case AMQP_FIELD_KIND_ARRAY:
      putchar('[');
      for (int i = 0; i < field.value.array.num_entries; i++) {
        if (i > 0) putchar(',');
        print_value(field.value.array.entries[i]);
      }
      putchar(']');
      break;
    case AMQP_FIELD_KIND_VOID: printf("null"); break;
    default: fail("a header", "of unknown kind");
  }
  putchar('}');
}

static void print_table(amqp_table_t table) {
  putchar('[');
  for (int i = 0; i < table.num_entries; i++) {
    printf(i > 0 ? ",[" : "[");
    print_octets(table.entries[i].key);
    putchar(',');
    print_value(table.entries[i].value);
    putchar(']');
  }
  putchar(']');
}

static void print_message(const amqp_message_t *message) {
  const amqp_basic_properties_t *p = &message->properties;
  const struct {
    amqp_flags_t flag;
    const char *name;
    amqp_bytes_t value;
  } strings[] = {
      {AMQP_BASIC_CONTENT_TYPE_FLAG, "content_type", p->content_type},
      {AMQP_BASIC_CONTENT_ENCODING_FLAG, "content_encoding", p->content_encoding},
      {AMQP_BASIC_CORRELATION_ID_FLAG, "correlation_id", p->correlation_id},
      {AMQP_BASIC_REPLY_TO_FLAG, "reply_to", p->reply_to},
      {AMQP_BASIC_EXPIRATION_FLAG, "expiration", p->expiration},
      {AMQP_BASIC_MESSAGE_ID_FLAG, "message_id", p->message_id},
      {AMQP_BASIC_TYPE_FLAG, "type", p->type},
      {AMQP_BASIC_USER_ID_FLAG, "user_id", p->user_id},
      {AMQP_BASIC_APP_ID_FLAG, "app_id", p->app_id},
      {AMQP_BASIC_CLUSTER_ID_FLAG, "reserved", p->cluster_id},
  };
  const char *comma = "";
  printf("{\"properties\":{");
  for (int i = 0; i < COUNT_OF(strings); i++) {
    if (!(p->_flags & strings[i].flag)) continue;
    printf("%s\"%s\":", comma, strings[i].name);
    print_octets(strings[i].value);
    comma = ",";
  }
  if (p->_flags & AMQP_BASIC_DELIVERY_MODE_FLAG) {
    printf("%s\"delivery_mode\":%" PRIu8, comma, p->delivery_mode);
    comma = ",";
  }
  if (p->_flags & AMQP_BASIC_PRIORITY_FLAG) {
    printf("%s\"priority\":%" PRIu8, comma, p->priority);
    comma = ",";
  }
  if (p->_flags & AMQP_BASIC_TIMESTAMP_FLAG) {
    printf("%s\"timestamp\":%" PRIu64, comma, p->timestamp);
    comma = ",";
  }
  if (p->_flags & AMQP_BASIC_HEADERS_FLAG) {
    printf("%s\"headers\":", comma);
    print_table(p->headers);
  }
  printf("},\"body\":");
  print_hex(message->body);
  puts("}");
}

static void consume(amqp_connection_state_t connection, char *queue, int count) {
  struct timeval limit = {LIMIT_SECONDS, 0};
  amqp_basic_qos(connection, CHANNEL, 0, 2, 0);
  check_reply(amqp_get_rpc_reply(connection), "basic.qos");
  amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
  check_reply(amqp_get_rpc_reply(connection), "basic.consume");
  for (; count > 0; count--) {
    amqp_envelope_t envelope;
    check_reply(amqp_consume_message(connection, &envelope, &limit, 0), "basic.deliver");
    if (envelope.redelivered) fail("basic.deliver", "again");
    print_message(&envelope.message);
    check(amqp_basic_ack(connection, CHANNEL, envelope.delivery_tag, 0), "basic.ack");
    amqp_destroy_envelope(&envelope);
  }
}

int main(int argc, char **argv) {
  struct amqp_connection_info info;
  if (argc < 4) fail("usage", "URL publish|consume QUEUE [COUNT]");
  amqp_default_connection_info(&info);
  check(amqp_parse_url(argv[1], &info), "the URL");
  amqp_connection_state_t connection = open_connection(&info);
  if (strcmp(argv[2], "publish") == 0) {
    publish(connection, argv[3], info.user);
  } else if (argc == 5) {
    consume(connection, argv[3], atoi(argv[4]));
  }
  check_reply(amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS), "channel.close");
  check_reply(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "connection.close");
  check(amqp_destroy_connection(connection), "the end");
  return 0;
}
