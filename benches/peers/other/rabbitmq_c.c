/* librabbitmq. Variants: `messages` (amqp_consume_message) and `frames` (amqp_simple_wait_frame) when it consumes. The
 * arguments and the line that it prints are those of the crate `amqp-harness`. */

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 1000
#define LARGE 65536
#define CHANNEL 1

static amqp_connection_state_t connection;
static amqp_bytes_t queue;
static amqp_basic_properties_t properties;
static amqp_bytes_t body;

static void fail(const char *what) {
  fprintf(stderr, "rabbitmq_c: %s\n", what);
  exit(1);
}

static void check(int status) {
  if (status != AMQP_STATUS_OK) fail(amqp_error_string2(status));
}

static void check_reply(const char *what) {
  if (amqp_get_rpc_reply(connection).reply_type != AMQP_RESPONSE_NORMAL) fail(what);
}

/* What is measured: time, the processor's time, memory, and each message's time. */

static uint64_t begin, processor, lap, *laps;
static unsigned long resident, lap_count;

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * UINT64_C(1000000000) + time.tv_nsec;
}

static unsigned long memory(const char *name) {
  char line[256];
  unsigned long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status))
    if (!strncmp(line, name, strlen(name))) kib = strtoul(line + strlen(name), NULL, 10);
  fclose(status);
  return kib;
}

static void start(uint64_t count) {
  laps = calloc(count, sizeof *laps);
  resident = memory("VmRSS:");
  processor = now(CLOCK_PROCESS_CPUTIME_ID);
  begin = lap = now(CLOCK_MONOTONIC);
}

static void end_lap(void) {
  uint64_t time = now(CLOCK_MONOTONIC);
  laps[lap_count++] = time - lap;
  lap = time;
}

static int compare(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void finish(const char *scenario, uint64_t count) {
  double seconds = (now(CLOCK_MONOTONIC) - begin) / 1e9;
  double processor_seconds = (now(CLOCK_PROCESS_CPUTIME_ID) - processor) / 1e9;
  printf("{\"scenario\":\"%s\",\"messages\":%lu,\"seconds\":%.6f,\"processor_seconds\":%.6f,\"resident_kib\":%lu,"
         "\"peak_kib\":%lu", scenario, (unsigned long)count, seconds, processor_seconds, resident, memory("VmHWM:"));
  if (lap_count) {
    qsort(laps, lap_count, sizeof *laps, compare);
    printf(",\"p50_ns\":%lu,\"p99_ns\":%lu", (unsigned long)laps[lap_count / 2],
           (unsigned long)laps[lap_count * 99 / 100]);
  }
  puts("}");
}

/* What the client does. */

static void publish(void) {
  check(amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, queue, 0, 0, &properties, body));
}

static void round_trip(void) {
  amqp_queue_declare(connection, CHANNEL, queue, 1, 0, 0, 0, amqp_empty_table);
  check_reply("queue.declare");
}

/* The next ack's tag. */
static uint64_t next_ack(void) {
  amqp_frame_t frame;
  amqp_maybe_release_buffers(connection);
  check(amqp_simple_wait_frame(connection, &frame));
  if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_ACK_METHOD) fail("no ack");
  return ((amqp_basic_ack_t *)frame.payload.method.decoded)->delivery_tag;
}

/* The next delivery, as its frames come: its tag. */
static uint64_t next_frames(void) {
  amqp_frame_t frame;
  uint64_t tag, size;
  amqp_maybe_release_buffers(connection);
  check(amqp_simple_wait_frame(connection, &frame));
  if (frame.frame_type != AMQP_FRAME_METHOD || frame.payload.method.id != AMQP_BASIC_DELIVER_METHOD)
    fail("no delivery");
  tag = ((amqp_basic_deliver_t *)frame.payload.method.decoded)->delivery_tag;
  check(amqp_simple_wait_frame(connection, &frame));
  for (size = frame.payload.properties.body_size; size > 0; size -= frame.payload.body_fragment.len)
    check(amqp_simple_wait_frame(connection, &frame));
  return tag;
}

/* The next delivery as one message: its tag. */
static uint64_t next_message(void) {
  amqp_envelope_t envelope;
  uint64_t tag;
  amqp_maybe_release_buffers(connection);
  if (amqp_consume_message(connection, &envelope, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL) fail("no delivery");
  tag = envelope.delivery_tag;
  amqp_destroy_envelope(&envelope);
  return tag;
}

int main(int argc, char **argv) {
  uint64_t count, sent, settled = 0;
  uint64_t (*next)(void);
  char host[64], name[64];
  static char octets[LARGE];

  if (argc != 5) fail("arguments: VARIANT SCENARIO COUNT ADDRESS");
  const char *scenario = argv[2];
  next = strcmp(argv[1], "frames") ? next_message : next_frames;
  count = strtoull(argv[3], NULL, 10);
  snprintf(host, sizeof host, "%s", argv[4]);
  char *port = strrchr(host, ':');
  if (!port) fail("no port");
  *port++ = 0;
  int consumes = !strncmp(scenario, "consume", 7);
  snprintf(name, sizeof name, "bench.%lu", (unsigned long)(consumes ? count : 0));
  queue = amqp_cstring_bytes(name);
  body = (amqp_bytes_t){strcmp(scenario, "large") ? 16 : LARGE, octets};
  properties = (amqp_basic_properties_t){._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 1};

  connection = amqp_new_connection();
  check(amqp_socket_open(amqp_tcp_socket_new(connection), host, atoi(port)));
  if (amqp_login(connection, "/", 0, 131072, 0, AMQP_SASL_METHOD_PLAIN, "guest", "guest").reply_type !=
      AMQP_RESPONSE_NORMAL)
    fail("login");
  amqp_channel_open(connection, CHANNEL);
  check_reply("channel.open");

  if (!strcmp(scenario, "publish") || !strcmp(scenario, "large")) {
    start(count);
    for (sent = 0; sent < count; sent++) publish();
    round_trip();
  } else if (!strcmp(scenario, "confirms") || !strcmp(scenario, "confirm")) {
    amqp_confirm_select(connection, CHANNEL);
    check_reply("confirm.select");
    uint64_t window = strcmp(scenario, "confirms") ? 1 : WINDOW;
    start(count);
    for (sent = 0; settled < count;) {
      while (sent < count && sent - settled < window) {
        publish();
        sent++;
      }
      settled = next_ack();
      if (window == 1) end_lap();
    }
  } else if (consumes) {
    int no_ack = !strcmp(scenario, "consume");
    if (!no_ack) {
      amqp_basic_qos(connection, CHANNEL, 0, WINDOW, 0);
      check_reply("basic.qos");
    }
    start(count);
    amqp_basic_consume(connection, CHANNEL, queue, amqp_empty_bytes, 0, no_ack, 0, amqp_empty_table);
    check_reply("basic.consume");
    /* Not a round trip: amqp_consume_message now and then lost deliveries that came before its reply. */
    amqp_queue_declare_t request = {.queue = queue, .passive = 1, .nowait = 1};
    check(amqp_send_method(connection, CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &request));
    for (sent = 0; sent < count; sent++) {
      uint64_t tag = next();
      if (!no_ack) check(amqp_basic_ack(connection, CHANNEL, tag, 0));
    }
    if (!no_ack) round_trip();
  } else if (!strcmp(scenario, "ping-pong")) {
    amqp_basic_consume(connection, CHANNEL, queue, amqp_empty_bytes, 0, 1, 0, amqp_empty_table);
    check_reply("basic.consume");
    start(count);
    for (sent = 0; sent < count; sent++) {
      publish();
      next();
      end_lap();
    }
  } else {
    fail("there is no such scenario");
  }
  finish(scenario, count);

  amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
  amqp_destroy_connection(connection);
  return 0;
}
