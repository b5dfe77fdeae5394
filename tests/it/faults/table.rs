//! The rows: what goes wrong, which tests show that it does no harm, and what headroom-ai 0.42.0 did when it was tried.

/// One fault.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name.
    pub id: &'static str,
    /// What goes wrong.
    pub fault: &'static str,
    /// What headroom-ai 0.42.0 did, measured by what is expected here.
    pub peer: &'static str,
    /// Tests that run on each wire over HTTP.
    pub wires: &'static [&'static str],
    /// Tests on the Responses WebSocket.
    pub socket: &'static [&'static str],
    /// All other tests; `lib ` stands before those of the library itself.
    pub tests: &'static [&'static str],
    /// What it lacks, or why there is no test.
    pub note: &'static str,
    /// The row is met only in part.
    pub not_whole: bool,
}

const FAULT: Row =
    Row { id: "", fault: "", peer: "", wires: &[], socket: &[], tests: &[], note: "", not_whole: false };

/// Client (A), upstream (B), wrapping (E), security (H).
pub const ROWS: &[Row] = &[
    Row {
        id: "A1",
        fault: "odd but valid JSON, nothing to shorten",
        peer: "**FAIL**",
        wires: &[
            "odd_json_arrives_as_it_was_written",
            "around_a_shortened_output_nothing_is_changed_and_the_answer_streams",
        ],
        socket: &["websocket::what_asks_for_nothing_leaves_byte_for_byte"],
        tests: &[
            "proxy_requests::a_body_that_nothing_is_done_to_arrives_as_it_came",
            "wires::on_every_wire_nothing_to_do_means_the_same_bytes",
        ],
        ..FAULT
    },
    Row {
        id: "A2",
        fault: "a key twice",
        peer: "partial",
        wires: &[
            "a_key_twice_arrives_twice",
            "around_a_shortened_output_nothing_is_changed_and_the_answer_streams",
        ],
        socket: &["websocket::what_asks_for_nothing_leaves_byte_for_byte"],
        ..FAULT
    },
    Row {
        id: "A3",
        fault: "no JSON: cut off, a comma, empty, an array, BOM, no UTF-8",
        peer: "**FAIL**",
        wires: &["what_is_no_json_arrives_as_it_came"],
        socket: &["websocket::what_asks_for_nothing_leaves_byte_for_byte"],
        tests: &["proxy_requests::a_body_that_nothing_is_done_to_arrives_as_it_came"],
        ..FAULT
    },
    Row {
        id: "A4",
        fault: "valid JSON of wrong types",
        peer: "**FAIL**",
        wires: &["wrong_types_arrive_as_they_came"],
        ..FAULT
    },
    Row {
        id: "A5",
        fault: "half a surrogate pair, NUL, escapes in an output",
        peer: "partial",
        wires: &["half_letters_and_escapes_arrive_as_they_came"],
        tests: &["laws::hostile_outputs_arrive_and_hold_up_nobody"],
        ..FAULT
    },
    Row {
        id: "A6",
        fault: "values nested 500 to 100,000 deep",
        peer: "**FAIL**",
        wires: &["deep_values_arrive_as_they_came"],
        tests: &["laws::hostile_outputs_arrive_and_hold_up_nobody"],
        ..FAULT
    },
    Row {
        id: "A7",
        fault: "a message of 30 MB",
        peer: "partial",
        socket: &["websocket::a_message_of_five_megabytes_arrives_as_it_was_sent"],
        tests: &[
            "faults::process::a_long_message_takes_no_more_than_three_times_its_size",
            "faults::process::a_message_of_30_mb_takes_no_more_than_three_times_its_size",
        ],
        ..FAULT
    },
    Row {
        id: "A8",
        fault: "a body that is too long to be read, with and without a length",
        peer: "pass",
        socket: &["websocket::a_message_that_is_too_long_passes_as_it_comes_and_is_counted"],
        tests: &["proxy_requests::a_body_that_is_too_long_to_be_read_whole_passes_all_the_same"],
        ..FAULT
    },
    Row {
        id: "A9",
        fault: "a gzip or zstd bomb for a request",
        peer: "pass",
        tests: &["proxy_codings::a_coded_request_that_nothing_is_done_to_leaves_to_the_byte"],
        ..FAULT
    },
    Row {
        id: "A10",
        fault: "an unknown or broken content coding",
        peer: "**FAIL**",
        wires: &["a_coding_that_is_none_arrives_with_its_header"],
        socket: &["websocket::an_upstream_that_compresses_all_the_same_gets_a_tunnel_and_it_is_counted"],
        tests: &[
            "proxy_requests::a_coded_body_arrives_coded_with_its_header",
            "proxy_codings::a_coded_request_that_nothing_is_done_to_leaves_to_the_byte",
        ],
        ..FAULT
    },
    Row {
        id: "A11",
        fault: "200 clients leave in the middle of a request",
        peer: "pass",
        tests: &[
            "proxy_requests::who_leaves_in_the_middle_of_a_conversations_upload_costs_nothing",
            "proxy_requests::who_leaves_in_the_middle_of_a_relayed_upload_is_gone_for_the_upstream_too",
            "load::who_leaves_leaves_nothing_behind",
        ],
        ..FAULT
    },
    Row {
        id: "A12",
        fault: "300 heads that never end",
        peer: "**FAIL**",
        tests: &["proxy_requests::heads_that_never_end_do_not_keep_others_out"],
        note: "a head has 30 s, and the oldest of more than 256 strangers is closed at once; the row's 10 s would also cut slow starts",
        not_whole: true,
        ..FAULT
    },
    Row {
        id: "A13",
        fault: "clients that stall in the middle of a body",
        peer: "**FAIL**",
        wires: &["a_client_that_stalls_holds_up_nobody"],
        tests: &["proxy_requests::clients_that_stall_do_not_hold_up_others"],
        ..FAULT
    },
    Row {
        id: "A14",
        fault: "heads of 70 KB, of 3,000 headers, of 1 MB",
        peer: "pass",
        tests: &["proxy_requests::large_heads_pass_and_huge_ones_are_told_so"],
        ..FAULT
    },
    Row {
        id: "A15",
        fault: "pipelined requests, `Expect`, no `Host`",
        peer: "pass",
        tests: &[
            "proxy_requests::requests_of_one_connection_are_answered_in_order",
            "proxy_requests::a_client_that_waits_to_be_told_to_go_on_is_told",
            "proxy_guard::a_request_without_a_host_is_not_let_in",
        ],
        ..FAULT
    },
    Row {
        id: "A16",
        fault: "smuggled requests",
        peer: "partial",
        wires: &["a_path_that_only_looks_like_it_goes_on_as_it_was_written"],
        tests: &["proxy_requests::broken_framing_is_refused_and_never_smuggled_on"],
        ..FAULT
    },
    Row {
        id: "A17",
        fault: "a URL of another host as the path",
        peer: "pass",
        tests: &["proxy_guard::a_client_that_takes_us_for_a_forward_proxy_gets_nowhere"],
        ..FAULT
    },
    Row {
        id: "A18",
        fault: "`..`, `%2f`, `%00`, double slashes",
        peer: "**FAIL**",
        wires: &["a_path_that_only_looks_like_it_goes_on_as_it_was_written"],
        tests: &["proxy_requests::paths_and_methods_arrive_as_they_were_written"],
        ..FAULT
    },
    Row {
        id: "A19",
        fault: "an unknown method or path",
        peer: "**FAIL**",
        socket: &["websocket::a_web_socket_for_something_else_is_a_tunnel_with_all_that_was_offered"],
        tests: &[
            "proxy_requests::paths_and_methods_arrive_as_they_were_written",
            "proxy_routes::one_upstream_gets_whatever_comes_when_it_is_pinned",
        ],
        ..FAULT
    },
    Row {
        id: "A20",
        fault: "a WebSocket, also from a foreign page",
        peer: "pass",
        socket: &[
            "websocket::no_extension_is_offered_and_all_else_of_the_handshake_passes",
            "websocket::what_is_no_web_socket_becomes_a_tunnel_and_is_counted",
        ],
        tests: &[
            "proxy_guard::a_web_socket_from_a_web_page_is_refused_before_the_handshake",
            "proxy_guard::a_web_socket_is_tunnelled_byte_for_byte",
        ],
        ..FAULT
    },
    Row {
        id: "A21",
        fault: "the client leaves while the upstream is silent",
        peer: "**FAIL**",
        wires: &["who_leaves_is_gone_for_the_upstream"],
        socket: &["websocket::a_client_that_leaves_is_gone_for_the_upstream_too"],
        tests: &[
            "proxy_requests::who_leaves_is_gone_for_the_upstream_at_once_in_every_phase",
            "load::who_leaves_leaves_nothing_behind",
        ],
        ..FAULT
    },
    Row {
        id: "A22",
        fault: "the client resets in the middle of a stream",
        peer: "pass",
        wires: &["who_leaves_is_gone_for_the_upstream"],
        socket: &["websocket::a_client_that_leaves_is_gone_for_the_upstream_too"],
        tests: &["proxy_life::what_was_heard_before_a_client_left_is_written_down"],
        ..FAULT
    },
    Row {
        id: "A23",
        fault: "a client that reads slowly",
        peer: "not run",
        socket: &["websocket::who_does_not_read_is_not_read_for"],
        tests: &["proxy_requests::a_client_that_reads_slowly_slows_the_upstream_down"],
        ..FAULT
    },
    Row {
        id: "A24",
        fault: "the client half closes after its request",
        peer: "not run",
        note: "by choice: the end of a client's bytes is all that TCP tells of a client that left (A21), and that must end the upstream's work at once; no agent half closes",
        ..FAULT
    },
    Row {
        id: "B1",
        fault: "a reset in the middle of a stream",
        peer: "pass",
        wires: &["an_answer_that_breaks_off_is_not_made_whole"],
        socket: &["websocket::an_upstream_that_breaks_off_is_gone_for_the_client_after_its_last_words"],
        tests: &["proxy_answers::an_answer_that_breaks_off_breaks_off_for_the_client_too"],
        ..FAULT
    },
    Row {
        id: "B2",
        fault: "half an event, then the end",
        peer: "pass",
        wires: &["an_answer_that_breaks_off_is_not_made_whole"],
        socket: &["websocket::an_upstream_that_breaks_off_is_gone_for_the_client_after_its_last_words"],
        tests: &["proxy_answers::an_answer_that_breaks_off_breaks_off_for_the_client_too"],
        ..FAULT
    },
    Row {
        id: "B3",
        fault: "chunks of a byte, split letters, CRLF, comments, unknown events",
        peer: "pass",
        wires: &["a_streams_bytes_come_home"],
        socket: &["websocket::what_a_server_says_is_handed_on_whatever_it_is"],
        tests: &[
            "proxy_answers::no_event_is_held_back_for_the_next_one",
            "proxy_answers::whatever_goes_through_comes_back_however_it_is_cut",
        ],
        ..FAULT
    },
    Row {
        id: "B4",
        fault: "no UTF-8 in a stream",
        peer: "**FAIL**",
        wires: &["a_streams_bytes_come_home"],
        socket: &["websocket::what_a_server_says_is_handed_on_whatever_it_is"],
        ..FAULT
    },
    Row {
        id: "B5",
        fault: "an event of 5 MB, an endless event",
        peer: "pass",
        wires: &["a_streams_bytes_come_home"],
        ..FAULT
    },
    Row {
        id: "B6",
        fault: "429, 529, 500, 503 with `Retry-After`",
        peer: "partial",
        wires: &["an_answer_comes_home_as_it_is_after_one_attempt"],
        socket: &["websocket::an_error_in_between_changes_nothing_that_was_sent"],
        tests: &["proxy_answers::an_upstreams_error_comes_home_as_it_is_after_one_attempt"],
        ..FAULT
    },
    Row {
        id: "B7",
        fault: "a redirect to elsewhere",
        peer: "**FAIL**",
        wires: &["an_answer_comes_home_as_it_is_after_one_attempt"],
        tests: &["proxy_answers::a_redirect_is_the_clients_business"],
        ..FAULT
    },
    Row {
        id: "B8",
        fault: "a length that is longer than the body",
        peer: "**FAIL**",
        wires: &["an_answer_that_breaks_off_is_not_made_whole"],
        tests: &["proxy_answers::an_answer_that_breaks_off_breaks_off_for_the_client_too"],
        ..FAULT
    },
    Row {
        id: "B9",
        fault: "gzip, br and zstd answers",
        peer: "**FAIL**",
        wires: &["an_answer_comes_home_as_it_is_after_one_attempt"],
        socket: &["websocket::an_upstream_that_compresses_all_the_same_gets_a_tunnel_and_it_is_counted"],
        tests: &["proxy_answers::a_coded_answer_comes_home_coded"],
        ..FAULT
    },
    Row {
        id: "B10",
        fault: "an answer that is a gzip bomb",
        peer: "partial",
        tests: &["faults::process::an_answer_that_is_a_bomb_is_passed_on_as_it_is"],
        ..FAULT
    },
    Row {
        id: "B11",
        fault: "garbage for an answer, or none",
        peer: "**FAIL**",
        wires: &["no_answer_is_said_after_one_attempt"],
        tests: &["proxy_answers::no_answer_is_a_502_that_names_host_and_cause_after_one_attempt"],
        ..FAULT
    },
    Row {
        id: "B12",
        fault: "connection refused, no such host",
        peer: "partial",
        tests: &[
            "proxy_answers::an_upstream_that_can_not_be_reached_is_named",
            "proxy_routes::no_answer_is_said_in_the_words_of_the_clients_provider",
        ],
        ..FAULT
    },
    Row {
        id: "B13",
        fault: "a certificate that nobody vouches for",
        peer: "pass",
        tests: &[
            "proxy_roads::an_upstream_that_nobody_vouches_for_is_told_nothing",
            "proxy_roads::what_speaks_no_tls_is_told_nothing",
        ],
        ..FAULT
    },
    Row {
        id: "B14",
        fault: "75 s of silence in the middle of a stream",
        peer: "pass",
        tests: &[
            "faults::process::a_silence_in_the_middle_of_a_stream_is_waited_for",
            "faults::process::a_silence_of_75_seconds_is_waited_for",
        ],
        ..FAULT
    },
    Row {
        id: "B15",
        fault: "200 with nothing, or with a page",
        peer: "**FAIL**",
        wires: &["an_answer_comes_home_as_it_is_after_one_attempt"],
        tests: &["proxy_answers::an_answer_keeps_whatever_it_says_about_itself"],
        ..FAULT
    },
    Row {
        id: "B16",
        fault: "streaming while something is shortened",
        peer: "**FAIL**",
        wires: &["around_a_shortened_output_nothing_is_changed_and_the_answer_streams"],
        socket: &[
            "websocket::a_server_is_heard_while_the_client_is_still_speaking",
            "websocket::a_session_is_shortened_and_only_ever_extended",
        ],
        ..FAULT
    },
    Row {
        id: "B17",
        fault: "the model asks for originals for ever",
        peer: "partial",
        tests: &["answering::a_model_that_asks_for_ever_is_handed_to_its_client"],
        note: "only with `--answer-retrieval`; otherwise originals are given by a tool that the agent runs, in rounds that it bounds",
        ..FAULT
    },
    Row {
        id: "B18",
        fault: "SIGTERM while a stream runs",
        peer: "pass",
        socket: &["websocket::a_drain_waits_for_an_answer_and_not_for_a_silent_web_socket"],
        tests: &[
            "proxy_life::a_drain_lets_open_requests_end_and_takes_no_new_ones",
            "proxy_life::the_program_prints_its_base_url_and_drains_when_it_is_told_to_stop",
        ],
        ..FAULT
    },
    Row {
        id: "B19",
        fault: "odd JSON for an answer",
        peer: "pass",
        wires: &["an_answer_comes_home_as_it_is_after_one_attempt"],
        socket: &["websocket::what_a_server_says_is_handed_on_whatever_it_is"],
        tests: &["proxy_answers::an_answer_keeps_whatever_it_says_about_itself"],
        ..FAULT
    },
    Row {
        id: "B20",
        fault: "the same request twice",
        peer: "partial",
        wires: &["the_same_request_twice_is_asked_twice"],
        ..FAULT
    },
    Row {
        id: "E1",
        fault: "exit codes 0 to 255",
        peer: "pass",
        tests: &["wrap::the_exit_code_is_the_agents", "faults::process::every_exit_code_is_the_agents"],
        ..FAULT
    },
    Row {
        id: "E2",
        fault: "the agent dies of one of 15 signals",
        peer: "**FAIL**",
        tests: &[
            "wrap::an_agent_that_dies_of_a_signal_is_shown_as_a_shell_shows_it",
            "terminal::an_agent_that_is_killed_is_shown_as_137_and_the_terminal_is_given_back",
        ],
        note: "shown as 128 and the signal, as a shell shows it; the signal is not raised anew",
        not_whole: true,
        ..FAULT
    },
    Row {
        id: "E3",
        fault: "input from a pipe, a file, closed, no terminal",
        peer: "pass",
        tests: &[
            "wrap::bytes_pass_exactly_and_no_terminal_is_put_in_between",
            "wrap::a_closed_input_and_a_reader_that_leaves_are_no_fault",
        ],
        ..FAULT
    },
    Row {
        id: "E4",
        fault: "SIGTERM, SIGHUP, Ctrl-C",
        peer: "pass",
        tests: &[
            "terminal::an_interrupt_is_the_agents_to_answer",
            "terminal::a_signal_to_headroom_reaches_the_agent_and_the_terminal_is_given_back",
            "wrap::a_signal_to_headroom_alone_reaches_the_agent_once",
        ],
        ..FAULT
    },
    Row {
        id: "E5",
        fault: "SIGWINCH, Ctrl-Z, `fg`, `bg`",
        peer: "pass",
        tests: &[
            "terminal::the_agent_sees_the_size_of_the_window_from_the_start_and_each_change",
            "terminal::a_stop_stops_the_whole_job_and_fg_goes_on_where_it_was",
            "terminal::bg_runs_on_what_needs_no_keys_and_stops_what_does",
        ],
        ..FAULT
    },
    Row {
        id: "E6",
        fault: "`kill -9` of the wrapper",
        peer: "**FAIL**",
        tests: &[
            "wrap::when_headroom_is_killed_nothing_is_left",
            "terminal::when_headroom_is_killed_nothing_is_left_running",
        ],
        ..FAULT
    },
    Row {
        id: "E7",
        fault: "the proxy breaks while the agent runs",
        peer: "**FAIL**",
        tests: &["lib proxy::tests::accepting_begins_anew_after_a_panic_on_the_same_port"],
        ..FAULT
    },
    Row {
        id: "E8",
        fault: "another server on the port",
        peer: "pass",
        tests: &[
            "faults::process::an_agent_never_meets_who_else_listens",
            "proxy_life::what_it_can_not_start_with_is_said",
        ],
        ..FAULT
    },
    Row {
        id: "E9",
        fault: "output closed (`head`), errors closed",
        peer: "not run",
        tests: &["wrap::a_closed_input_and_a_reader_that_leaves_are_no_fault"],
        ..FAULT
    },
    Row {
        id: "E10",
        fault: "escape sequences, bracketed paste, 100 MB of output",
        peer: "not run",
        tests: &[
            "terminal::every_key_and_every_byte_of_the_screen_passes_exactly",
            "faults::process::much_output_comes_out_as_it_is",
            "faults::process::output_of_100_mb_comes_out_as_it_is",
        ],
        ..FAULT
    },
    Row {
        id: "E11",
        fault: "time until the agent starts",
        peer: "**FAIL**",
        note: "a matter of the release build on a quiet machine: `just load` checks that wrapping adds less than 100 ms",
        ..FAULT
    },
    Row {
        id: "H1",
        fault: "DNS rebinding",
        peer: "**FAIL**",
        tests: &["proxy_guard::every_bad_combination_gets_the_same_short_answer_and_nothing_goes_upstream"],
        ..FAULT
    },
    Row {
        id: "H2",
        fault: "a POST from a foreign page",
        peer: "**FAIL**",
        tests: &[
            "proxy_guard::every_bad_combination_gets_the_same_short_answer_and_nothing_goes_upstream",
            "proxy_guard::without_a_secret_only_web_pages_are_kept_out",
        ],
        ..FAULT
    },
    Row {
        id: "H3",
        fault: "CORS preflight",
        peer: "partial",
        tests: &[
            "proxy_guard::every_bad_combination_gets_the_same_short_answer_and_nothing_goes_upstream",
            "proxy_answers::no_answer_helps_a_web_page",
        ],
        ..FAULT
    },
    Row {
        id: "H4",
        fault: "control routes for a foreign host",
        peer: "partial",
        tests: &["proxy_guard::every_bad_combination_gets_the_same_short_answer_and_nothing_goes_upstream"],
        note: "there are no control routes",
        ..FAULT
    },
    Row {
        id: "H5",
        fault: "an upstream of the client's choice",
        peer: "pass",
        tests: &[
            "proxy_guard::a_client_that_takes_us_for_a_forward_proxy_gets_nowhere",
            "proxy_routes::what_leads_nowhere_is_said_in_the_words_of_the_clients_provider",
        ],
        note: "a client chooses among the vendors that the user has set, by name, and can name no address",
        ..FAULT
    },
    Row {
        id: "H6",
        fault: "another user of the machine reads an original",
        peer: "**FAIL**",
        tests: &[
            "store::what_is_kept_is_private_under_any_umask",
            "proxy_guard::every_bad_combination_gets_the_same_short_answer_and_nothing_goes_upstream",
        ],
        note: "checked by the modes of files and folders, not with a second user; the proxy gives out no originals",
        not_whole: true,
        ..FAULT
    },
    Row {
        id: "H7",
        fault: "an output that forges the key of another session's original",
        peer: "**FAIL**",
        tests: &[
            "laws::hostile_outputs_arrive_and_hold_up_nobody",
            "rewrite::our_own_output_given_again_is_left_alone",
            "lib store::tests::a_key_depends_on_the_text_the_folder_and_the_installation",
        ],
        ..FAULT
    },
    Row {
        id: "H8",
        fault: "keys in headers and in the query",
        peer: "**FAIL**",
        tests: &["faults::process::a_key_is_found_in_no_file_and_no_word_of_ours"],
        ..FAULT
    },
    Row {
        id: "H9",
        fault: "the upstream's error says the key again",
        peer: "**FAIL**",
        tests: &["faults::process::a_key_is_found_in_no_file_and_no_word_of_ours"],
        ..FAULT
    },
    Row {
        id: "H10",
        fault: "headers of one hop, `Proxy-Authorization`",
        peer: "**FAIL**",
        tests: &["proxy_requests::headers_arrive_in_their_order_and_case_but_for_those_of_one_hop"],
        ..FAULT
    },
    Row {
        id: "H11",
        fault: "an upstream that allows every web page",
        peer: "**FAIL**",
        tests: &["proxy_answers::no_answer_helps_a_web_page"],
        ..FAULT
    },
    Row {
        id: "H12",
        fault: "a repository's files that redirect",
        peer: "pass",
        tests: &["wrap::a_file_of_the_repository_decides_nothing"],
        ..FAULT
    },
    Row {
        id: "H13",
        fault: "listening for everybody",
        peer: "pass",
        tests: &["faults::process::nothing_but_loopback_can_be_listened_on"],
        note: "there is no way to: it listens on 127.0.0.1 only",
        ..FAULT
    },
    Row {
        id: "H14",
        fault: "core dump, ptrace, `/proc/PID/mem`",
        peer: "not run",
        note: "not done: the agent beside it has the same keys in its environment, and what is set against dumps would be inherited by it; keys pass through memory only and are written nowhere (H8)",
        ..FAULT
    },
    Row {
        id: "H15",
        fault: "tenants",
        peer: "not run",
        note: "does not arise: one user on one machine, no tenants, no SQL from requests",
        ..FAULT
    },
    Row {
        id: "H16",
        fault: "memory for each byte of a hostile request",
        peer: "not run",
        tests: &["faults::process::no_input_takes_more_than_ten_times_its_size"],
        note: "known: an output that is nothing but values of one letter (`[1,1,1`) takes 40 times its size on its way through the proxy, of which making it shorter takes less than 5; a body of ordinary messages takes less than 3 times its size (A7), and what is longer than 64 MB is not read",
        ..FAULT
    },
    Row {
        id: "H17",
        fault: "a dependency or a release is not what it seems",
        peer: "not run",
        note: "not tested: the lock file is kept and builds use it; a release has its checksum; there is no signature",
        ..FAULT
    },
];
