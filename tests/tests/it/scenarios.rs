//! Eighty situations that a notifier has to get right, and the test that holds each of them.
//!
//! They come from what other notifiers test and from what their users report. A situation that does
//! not arise here says why. That the named tests exist is checked below, by looking for them in the
//! sources.

use std::collections::BTreeSet;
use std::path::Path;

/// What holds a situation.
enum Held {
    /// These tests: their names, and the file below the workspace's folder that has them.
    By(&'static [(&'static str, &'static str)]),
    /// No test: it cannot arise, or it is not built, for this reason.
    Not(&'static str),
}

use Held::{By, Not};

const DECISIONS: &str = "crates/budget-engine/tests/it/decisions.rs";
const LIFE: &str = "crates/budget-engine/tests/it/life.rs";
const EVALUATING: &str = "crates/spendwatch/tests/it/evaluating.rs";
const DELIVERING: &str = "crates/spendwatch/tests/it/delivering.rs";
const HOLDING: &str = "crates/spendwatch/tests/it/holding.rs";
const SILENCES: &str = "crates/spendwatch/src/silences.rs";
const QUIET: &str = "crates/spendwatch/src/config/attention.rs";
const OUTBOX: &str = "crates/spendwatch/src/outbox.rs";
const THREADS: &str = "crates/spendwatch/tests/it/threads.rs";
const PAGERDUTY: &str = "crates/alert-channels/src/pagerduty.rs";
const ANSWERS: &str = "crates/alert-channels/src/payloads/answers.rs";
const HOSTILE: &str = "crates/alert-channels/src/payloads/hostile.rs";
const NETWORK: &str = "crates/alert-channels/src/payloads/network.rs";
const SECRETS: &str = "crates/alert-channels/src/payloads/secrets.rs";
const HTTP: &str = "crates/alert-channels/src/http.rs";
const HTTP_REPLY: &str = "crates/alert-channels/src/http/reply.rs";
const GUARD: &str = "crates/alert-channels/src/guard.rs";
const PAGE: &str = "crates/alert-channels/src/email/page.rs";
const COMPOSE: &str = "crates/alert-channels/src/email/compose.rs";
const REPLY: &str = "crates/alert-channels/src/email/reply.rs";
const UNTRUSTED: &str = "crates/alert-channels/src/untrusted.rs";
const MAIL: &str = "tests/tests/it/mail.rs";
const TOLD: &str = "tests/tests/it/told.rs";
const KILL: &str = "tests/tests/it/kill.rs";
const WEBHOOKS: &str = "tests/tests/it/webhooks.rs";
const REQUESTS: &str = "tests/tests/it/conformance/requests.rs";
const STARTUP: &str = "tests/tests/it/conformance/startup.rs";
const SIMULATION: &str = "tests/simulation/src/main.rs";
const CONTRACT: &str = "crates/state-store/tests/it/memory.rs";

/// The simulation, for what only shows when things go wrong together.
const SCHEDULES: (&str, &str) = ("no_schedule_breaks_a_promise", SIMULATION);

#[rustfmt::skip]
const SCENARIOS: [(u8, &str, Held); 80] = [
    // Deciding, and not deciding twice.
    (1, "a first crossing is told once", By(&[
        ("a_crossing_is_told_once_however_often_it_is_evaluated", EVALUATING),
        ("a_threshold_fires_at_its_level_and_not_below", DECISIONS),
    ])),
    (2, "what is over before anybody was told needs no message", By(&[
        ("a_correction_of_what_never_arrived_is_not_sent", HOLDING),
        ("what_is_over_by_the_morning_is_one_line_or_nothing", HOLDING),
    ])),
    (3, "a further threshold is told although others were", By(&[
        ("a_repeating_threshold_fires_once_a_step", DECISIONS),
        ("of_several_crossed_in_one_step_the_highest_tells_of_all", DECISIONS),
    ])),
    (4, "the same again is quiet until a reminder is due", By(&[
        ("a_repeated_evaluation_is_quiet_and_says_since_when", DECISIONS),
        ("reminders_come_each_interval_and_escalation_once", LIFE),
    ])),
    (5, "recoveries are told only where they are wanted",
        Not("what is taken back is always told to whoever was told: there is no setting against it")),
    (6, "an untold recovery still clears the record", By(&[
        ("restated_data_withdraw_a_crossing_and_a_new_one_fires_again", DECISIONS),
        ("stale_data_end_no_forecast_and_fresh_data_end_their_own_alert", LIFE),
    ])),
    (7, "a record without a time counts as due",
        Not("every record has its times: the types leave no other choice, and a document that lacks one is \
             reported as corrupt")),
    (8, "the time of the run decides, not the time of each step", By(&[
        ("transitions_of_a_ledger_have_increasing_times", DECISIONS),
        ("late_repeated_and_retried_ticks_tell_once", REQUESTS),
    ])),
    (9, "a record that cannot be read is an error, and one that is missing is none", By(&[
        ("a_source_that_fails_is_an_error_and_changes_nothing", EVALUATING),
        ("a_delivery_that_cannot_be_read_does_not_stop_the_lane", DELIVERING),
        SCHEDULES,
    ])),
    (10, "what a channel remembers of an alert outlives a send that does not touch it", By(&[
        ("later_notices_of_a_period_join_the_first", THREADS),
        ("a_thread_that_was_lost_begins_anew_and_no_notice_is_lost", THREADS),
    ])),
    (11, "several workers and one crossing give one message", By(&[
        ("eight_evaluators_at_once_decide_once", EVALUATING),
        ("two_handlers_overlap_without_harm", STARTUP),
        SCHEDULES,
    ])),
    (12, "many workers tell what one worker would", By(&[SCHEDULES])),
    (13, "a new configuration between two crossings repeats nothing", By(&[
        ("a_condition_that_was_rewritten_under_its_id_is_another_question", DECISIONS),
        ("a_forecast_told_under_another_plan_may_be_told_again", DECISIONS),
        SCHEDULES,
    ])),
    (14, "a first start does not tell of what is long over", By(&[
        ("a_first_evaluation_says_nothing_about_the_month_before", EVALUATING),
    ])),
    (15, "the same crossing seen at other times is one alert", By(&[
        ("alert_ids_never_change", "crates/budget-engine/src/ledger.rs"),
        ("any_history_of_restatements_tells_each_crossing_once_and_ends_right", DECISIONS),
    ])),
    (16, "a second creation under one id is a conflict", By(&[
        ("documents_keep_the_contract", CONTRACT),
        ("routing_again_after_delivery_sends_nothing_again", DELIVERING),
    ])),
    (17, "a repeated request is done once", By(&[
        ("an_alert_is_stored_once_and_asks_for_the_read_of_its_budget", "crates/spendwatch/tests/it/native_alerts.rs"),
        ("an_approval_needs_the_link_and_is_good_once", "crates/spendwatch/tests/it/acting.rs"),
        ("of_many_approvals_at_once_one_counts", "crates/spendwatch/tests/it/acting.rs"),
    ])),
    // Sending, and trying again.
    (18, "a failure and then a success deliver once", By(&[
        ("a_failing_destination_is_tried_again_after_its_waiting_time", DELIVERING),
    ])),
    (19, "what can never be accepted is tried once", By(&[
        ("a_message_that_is_refused_is_dead_and_not_tried_again", DELIVERING),
    ])),
    (20, "every failure has a class to count by", By(&[
        ("every_status_has_a_fate_on_every_channel", ANSWERS),
        ("every_code_has_a_fate_and_greylisting_waits", REPLY),
    ])),
    (21, "a send that is cut off is unknown and not repeated at once", By(&[
        ("a_worker_that_stopped_while_sending_is_an_unknown_outcome", DELIVERING),
        ("after_a_kill_anywhere_every_crossing_is_told_once_or_twice_and_marked", KILL),
    ])),
    (22, "one failing destination does not touch the others", By(&[
        ("every_misbehavior_ends_in_a_recorded_fate", TOLD),
        ("one_bad_mailbox_does_not_silence_the_other", TOLD),
        SCHEDULES,
    ])),
    (23, "a destination that does not answer meets a deadline, and the next try works", By(&[
        ("no_answer_is_an_unknown_outcome", NETWORK),
        SCHEDULES,
    ])),
    (24, "each status code means what the table says", By(&[
        ("every_status_has_a_fate_on_every_channel", ANSWERS),
        ("replies_mean_what_the_table_says", REPLY),
    ])),
    (25, "a friendly status with an unfriendly body is a failure", By(&[
        ("what_the_body_says_decides", ANSWERS),
        ("codes_in_headers_tell_the_message_from_the_queue", ANSWERS),
    ])),
    (26, "all forms of Retry-After are read", By(&[
        ("retry_after_is_read_in_every_form", HTTP_REPLY),
    ])),
    (27, "waiting times keep to their bounds", By(&[
        ("destinations_are_left_alone_as_long_as_they_ask", ANSWERS),
        ("throttling_parks_the_destination_and_costs_no_attempt", DELIVERING),
        SCHEDULES,
    ])),
    (28, "without a schedule there is one try",
        By(&[("without_a_schedule_there_is_one_try", OUTBOX)])),
    (29, "there are as many tries as the schedule has waits, and one", By(&[
        ("there_are_as_many_waits_as_the_schedule_has_and_each_is_within_a_fifth", OUTBOX),
        ("at_the_end_of_the_schedule_a_delivery_is_dead_and_says_why", DELIVERING),
    ])),
    (30, "no redirect is followed", By(&[
        ("redirects_are_not_followed_and_long_answers_not_read", NETWORK),
    ])),
    (31, "a destination that only fails is switched off, and one that sometimes works is not", By(&[
        ("a_test_that_arrives_revives_a_destination", HOLDING),
        ("a_destination_that_fails_and_works_again_is_told_of_once_each", HOLDING),
    ])),
    (32, "people hear that a destination fails, and that it works again", By(&[
        ("a_destination_that_fails_and_works_again_is_told_of_once_each", HOLDING),
    ])),
    (33, "many producers and many workers do each piece of work once", By(&[
        ("queues_keep_the_contract", CONTRACT),
        SCHEDULES,
    ])),
    (34, "a message that always fails ends in the poison queue", By(&[
        ("messages_are_deleted_given_again_or_poison", "tests/tests/it/host_rules.rs"),
        SCHEDULES,
    ])),
    (35, "a destination that is taken out gets nothing more", By(&[SCHEDULES])),
    (36, "answers are cut, and made safe to keep", By(&[
        ("redirects_are_not_followed_and_long_answers_not_read", NETWORK),
        ("the_servers_text_is_not_kept", REPLY),
    ])),
    (37, "a body that is too large is refused at the door", By(&[
        ("large_envelopes_are_read_whole_and_too_large_ones_refused", REQUESTS),
        ("what_is_no_alert_is_refused_and_not_stored", "crates/spendwatch/tests/it/native_alerts.rs"),
    ])),
    // What waits, what is told together.
    (38, "two crossings at one time are one message", By(&[
        ("of_several_crossed_in_one_step_the_highest_tells_of_all", DECISIONS),
        ("several_notices_undone_in_one_step_give_one_correction_for_the_highest", DECISIONS),
        ("what_waited_together_is_told_by_the_most_urgent_of_it", HOLDING),
    ])),
    (39, "of a thousand groups each gets its first message",
        Not("there are no groups that begin with a wait: each crossing has its delivery at once")),
    (40, "the limit on notices is visible and loses nothing", By(&[
        ("more_than_the_allowance_comes_in_one_notice_that_lists_all", HOLDING),
        ("without_an_allowance_everything_comes_alone", HOLDING),
        SCHEDULES,
    ])),
    (41, "what was to be told together survives a kill", By(&[
        ("what_another_notice_names_ends_after_a_kill_between_the_two", HOLDING),
        SCHEDULES,
    ])),
    (42, "of two writers one wins, and the other loses nothing", By(&[
        ("update_reads_again_after_a_lost_race_but_not_forever", "crates/state-store/tests/it/json.rs"),
        SCHEDULES,
    ])),
    (43, "a silence holds back what it matches and nothing else", By(&[
        ("a_matcher_means_all_that_it_names", SILENCES),
        ("silences_that_cannot_be_read_hold_nothing_back", SILENCES),
    ])),
    (44, "a silence that is ended early is over at once", By(&[
        ("ending_takes_effect_at_once_and_an_edit_keeps_the_id", SILENCES),
    ])),
    (45, "a silence can be edited, and a bad edit changes nothing", By(&[
        ("ending_takes_effect_at_once_and_an_edit_keeps_the_id", SILENCES),
        ("what_would_hold_back_everything_or_for_ever_is_refused", SILENCES),
        ("there_are_no_more_than_a_thousand_and_old_ones_are_forgotten", SILENCES),
    ])),
    (46, "a higher threshold speaks for a lower one of the same budget", By(&[
        ("of_several_crossed_in_one_step_the_highest_tells_of_all", DECISIONS),
        ("withdrawn_steps_are_those_above_what_still_stands", DECISIONS),
        ("a_higher_alert_outdates_the_reminders_of_a_lower_one", LIFE),
        ("the_notice_of_a_budget_tells_of_its_parts", HOLDING),
    ])),
    (47, "an empty rule of inhibition does no harm",
        Not("there are no rules of inhibition to be empty: which threshold speaks follows from the levels, and \
             which budget from the hierarchy, where a budget above itself is a mistake of the configuration")),
    (48, "quiet hours at their edges, at weekends and when clocks change", By(&[
        ("nights_are_quiet_until_the_morning", QUIET),
        ("quiet_days_join_the_nights_around_them", QUIET),
        ("changes_of_clocks_are_the_zones_own", QUIET),
        ("a_notice_waits_for_the_morning_and_is_sent_once", HOLDING),
        ("what_is_critical_wakes_people", HOLDING),
    ])),
    // Laying out.
    (49, "text is cut between characters and within its limit", By(&[
        ("long_names_are_cut_at_graphemes_and_bytes", UNTRUSTED),
    ])),
    (50, "an event of PagerDuty stays within its limit",
        By(&[
            ("events_keep_pagerdutys_limits", PAGERDUTY),
            ("an_event_that_is_too_large_loses_its_details_and_is_still_sent", PAGERDUTY),
        ])),
    (51, "a payload that is too long sheds parts and is still sent", By(&[
        ("bodies_stay_under_twenty_kilobytes", "crates/alert-channels/src/webhook/body.rs"),
        ("messages_keep_slacks_limits", "crates/alert-channels/src/slack.rs"),
    ])),
    (52, "a template that fails is replaced, and the notice is sent", By(&[
        ("the_fallback_interprets_nothing", PAGE),
    ])),
    (53, "text that looks like a template is text", By(&[
        ("the_fallback_interprets_nothing", PAGE),
        ("hostile_names_stay_text_on_every_channel", HOSTILE),
    ])),
    (54, "what is signed is what arrives, byte for byte", By(&[
        ("the_reference_crate_accepts_every_webhook", WEBHOOKS),
        ("base64_of_the_bytes_arrives_byte_for_byte", "tests/tests/it/host_rules.rs"),
    ])),
    // Mail.
    (55, "a mail has text and HTML, one sender and one recipient", By(&[
        ("mail_arrives_readable_over_both_kinds_of_tls", MAIL),
        ("senders_are_checked_when_configured", "crates/alert-channels/src/email.rs"),
    ])),
    (56, "nothing is sent without the login and the encryption that are asked for", By(&[
        ("a_wrong_password_stops_the_destination", MAIL),
        ("nothing_is_sent_without_trust", MAIL),
        ("a_channel_without_its_secret_loses_nothing_and_says_why", DELIVERING),
    ])),
    (57, "a refusal at the end of the data is one failure", By(&[
        ("every_reply_has_its_fate", MAIL),
    ])),
    (58, "mails of one budget and period are one thread", By(&[
        ("mails_of_one_budget_and_period_share_a_thread", COMPOSE),
    ])),
    (59, "both kinds of encryption work, each on its port", By(&[
        ("mail_arrives_readable_over_both_kinds_of_tls", MAIL),
        ("servers_are_encrypted_and_carry_no_secret", "crates/alert-channels/src/email.rs"),
    ])),
    // Signatures, secrets, the network.
    (60, "others verify our signatures", By(&[
        ("the_reference_crate_accepts_every_webhook", WEBHOOKS),
        ("node_accepts_every_webhook_by_both_kinds_of_keys", WEBHOOKS),
    ])),
    (61, "while keys change, old and new ones verify", By(&[
        ("the_reference_crate_accepts_every_webhook", WEBHOOKS),
        ("node_accepts_every_webhook_by_both_kinds_of_keys", WEBHOOKS),
    ])),
    (62, "malformed signing keys are refused", By(&[
        ("secrets_that_are_no_keys_are_refused_without_repeating_them", "crates/alert-channels/src/webhook/signer.rs"),
    ])),
    (63, "no address of the inside is reached", By(&[
        ("every_spelling_of_a_local_address_is_refused", GUARD),
        ("loopback_must_be_named_exactly_and_platform_addresses_cannot_be", GUARD),
    ])),
    (64, "only https, and only certificates that are trusted", By(&[
        ("schemes_ports_and_user_info_are_checked", GUARD),
        ("plain_http_and_local_names_lead_to_listed_addresses_only", HTTP),
    ])),
    (65, "headers of one's own replace none of ours",
        Not("no header can be configured")),
    (66, "no error text has a secret in it", By(&[
        ("secrets_appear_nowhere", SECRETS),
        ("errors_and_debug_do_not_repeat_the_url", HTTP),
        ("keys_and_secrets_are_in_no_line_and_no_answer", REQUESTS),
        SCHEDULES,
    ])),
    // What was learned the hard way.
    (67, "a late reply to one mail is never taken for the reply to the next", By(&[
        ("silence_after_the_mail_is_unknown_and_patience_pays", MAIL),
        ("a_cut_in_the_middle_is_never_success", MAIL),
    ])),
    (68, "hostile names add no header, no mention and no link", By(&[
        ("hostile_names_add_no_header_and_no_recipient", MAIL),
        ("hostile_names_stay_text_on_every_channel", HOSTILE),
        ("names_become_one_visible_line", UNTRUSTED),
        ("headers_never_look_like_encoded_words", UNTRUSTED),
        ("mentions_are_broken", "crates/alert-channels/src/teams.rs"),
    ])),
    (69, "every spelling of a local address is refused before a packet leaves", By(&[
        ("every_spelling_of_a_local_address_is_refused", GUARD),
        ("local_addresses_are_refused_before_any_packet", NETWORK),
    ])),
    (70, "a name that has one forbidden address is refused", By(&[
        ("a_name_with_one_forbidden_address_is_refused", HTTP),
    ])),
    (71, "a card is shrunk at our own limit", By(&[
        ("cards_shed_parts_until_they_fit", "crates/alert-channels/src/teams.rs"),
    ])),
    (72, "what fires and ends in quiet hours is one line or nothing, as is set", By(&[
        ("what_is_over_by_the_morning_is_one_line_or_nothing", HOLDING),
    ])),
    (73, "what was silenced is told when the silence ends",
        By(&[("what_was_silenced_is_told_when_the_silence_ends", HOLDING)])),
    (74, "an end is never told where the beginning was not", By(&[
        ("a_correction_of_what_never_arrived_is_not_sent", HOLDING),
        ("a_reminder_of_what_is_over_by_then_is_not_sent", HOLDING),
        SCHEDULES,
    ])),
    (75, "three thresholds in one step are one message for the highest", By(&[
        ("of_several_crossed_in_one_step_the_highest_tells_of_all", DECISIONS),
    ])),
    (76, "newer data win, in whatever order they arrive", By(&[
        ("older_data_change_nothing", DECISIONS),
        ("a_slow_evaluation_does_not_overwrite_a_newer_status", "crates/spendwatch/tests/it/reads.rs"),
        SCHEDULES,
    ])),
    (77, "what is late says its period, and expires when it is too late", By(&[
        ("a_crossing_that_shows_after_the_turn_of_the_month_is_told_for_its_month", EVALUATING),
        ("a_notice_that_is_no_longer_worth_sending_expires_visibly", DELIVERING),
    ])),
    (78, "a kill at any call and around any send breaks no promise", By(&[
        ("after_a_kill_anywhere_every_crossing_is_told_once_or_twice_and_marked", KILL),
        ("every_broken_promise_is_noticed", SIMULATION),
        SCHEDULES,
    ])),
    (79, "a refused recipient does not keep the others from their mail", By(&[
        ("one_bad_recipient_does_not_stop_the_others", MAIL),
        ("one_bad_mailbox_does_not_silence_the_other", TOLD),
    ])),
    (80, "trouble with the place that hears of troubles makes no more trouble", By(&[
        ("a_destination_that_fails_and_works_again_is_told_of_once_each", HOLDING),
        ("late_evaluation_is_told_to_the_fallback_once", HOLDING),
        SCHEDULES,
    ])),
];

#[test]
fn every_scenario_is_held_by_a_test_that_exists_or_says_why_not() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut missing = Vec::new();
    for (number, what, held) in &SCENARIOS {
        match held {
            Not(why) => assert!(why.len() > 20, "scenario {number} ({what}) says too little"),
            By(tests) => {
                assert!(!tests.is_empty(), "scenario {number} ({what})");
                for (name, file) in *tests {
                    let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
                    if !is_test(&source, name) {
                        missing.push(format!("{number} ({what}): {name} in {file}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "no such test:\n{}", missing.join("\n"));
}

/// Whether a source has a test function of this name.
fn is_test(source: &str, name: &str) -> bool {
    let Some(at) = source.find(&format!("fn {name}(")) else {
        return false;
    };
    let before = source[..at].trim_end().lines().rev().take(6);
    let mut attributes = before.take_while(|line| !line.trim().is_empty());
    attributes.any(|line| line.contains("#[test]") || line.contains("::test"))
}

#[test]
fn scenarios_are_numbered_through_and_no_test_is_taken_for_one_that_is_not() {
    let numbers: BTreeSet<u8> = SCENARIOS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=80).collect());
    let source = "fn helper() {}\n\n#[test]\nfn a_test() {}\n\n    #[test]\n    fn within() {}\n";
    assert!(is_test(source, "a_test"));
    assert!(is_test(source, "within"));
    assert!(!is_test(source, "helper"));
    assert!(!is_test(source, "b_test"));
}
