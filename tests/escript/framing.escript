#!/usr/bin/env escript
%% Answers what one of RabbitMQ's own framing modules makes of methods and properties.
%% Each line of input is an Erlang term, and gives a line of output: hexadecimal digits, or `error` and why.
-mode(compile).

main([Module, Ebin, Header]) ->
    true = code:add_patha(Ebin),
    {module, Framing} = code:ensure_loaded(list_to_atom(Module)),
    ok = io:setopts([{encoding, latin1}]),
    answer(Framing, records(Header)).

answer(Framing, Records) ->
    case io:get_line("") of
        eof ->
            ok;
        Line ->
            {ok, Tokens, _} = erl_scan:string(Line),
            {ok, Request} = erl_parse:parse_term(Tokens),
            Reply =
                try
                    reply(Framing, Records, Request)
                catch
                    _:Reason -> ["error ", io_lib:format("~0p", [Reason])]
                end,
            io:put_chars([Reply, $\n]),
            answer(Framing, Records)
    end.

%% Every method that the module knows, as in `50.10 queue.declare`, separated by commas.
reply(Framing, _, methods) ->
    Known = [
        io_lib:format("~b.~b ~s", [Class, Method, Name])
     || Class <- lists:seq(0, 255),
        Method <- lists:seq(0, 255),
        {ok, Name} <- [name(Framing, {Class, Method})]
    ],
    lists:join($,, Known);
reply(Framing, _, {encode_method, Name, Fields}) ->
    Record = set(Framing:method_record(Name), Framing:method_fieldnames(Name), Fields),
    hex(Framing:encode_method_fields(Record));
reply(Framing, _, {decode_method, Name, Digits}) ->
    hex(Framing:encode_method_fields(Framing:decode_method_fields(Name, octets(Digits))));
reply(Framing, Records, {encode_properties, Name, Fields}) ->
    Names = maps:get(Name, Records),
    Record = list_to_tuple([Name | [undefined || _ <- Names]]),
    hex(Framing:encode_properties(set(Record, Names, Fields)));
reply(Framing, _, {decode_properties, Class, Digits}) ->
    hex(Framing:encode_properties(Framing:decode_properties(Class, octets(Digits)))).

name(Framing, Id) ->
    try
        {ok, Framing:lookup_method_name(Id)}
    catch
        _:_ -> unknown
    end.

%% The record with these fields set by name. Underscores do not count: one side writes nowait, the other no_wait.
set(Record, Names, Fields) ->
    Indices = maps:from_list(lists:zip([plain(Name) || Name <- Names], lists:seq(2, 1 + length(Names)))),
    lists:foldl(
        fun({Name, Value}, Acc) -> setelement(maps:get(plain(Name), Indices), Acc, value(Value)) end,
        Record,
        Fields
    ).

plain(Name) ->
    [Char || Char <- atom_to_list(Name), Char =/= $_].

%% Floating-point numbers come as their 64 bits, wherever they are nested.
value({bits, Bits}) ->
    <<Number:64/float>> = <<Bits:64>>,
    Number;
value(List) when is_list(List) ->
    [value(Element) || Element <- List];
value(Tuple) when is_tuple(Tuple) ->
    list_to_tuple(value(tuple_to_list(Tuple)));
value(Value) ->
    Value.

hex(Octets) ->
    [io_lib:format("~2.16.0b", [Octet]) || <<Octet>> <= iolist_to_binary(Octets)].

octets(Digits) ->
    <<<<(binary_to_integer(Pair, 16))>> || <<Pair:2/binary>> <= Digits>>.

%% The names of the fields of each record that the header defines.
records(Header) ->
    {ok, Forms} = epp:parse_file(Header, []),
    maps:from_list([{Name, [field(Field) || Field <- Fields]} || {attribute, _, record, {Name, Fields}} <- Forms]).

field({record_field, _, {atom, _, Name}}) -> Name;
field({record_field, _, {atom, _, Name}, _Default}) -> Name;
field({typed_record_field, Field, _Type}) -> field(Field).
