//! What a mail server's refusal means. Mail turns HTTP's numbers around: 4xx is for now, 5xx for good.

use jiff::Timestamp;
use std::time::Duration;

use crate::outcome::{Class, Failure, SendResult};

/// How far the transaction had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Connection, greeting, EHLO.
    Connect,
    /// STARTTLS and the handshake.
    StartTls,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the mail, up to the terminating dot.
    Data,
    /// After the dot.
    Dot,
}

impl Step {
    pub(super) fn words(self) -> &'static str {
        match self {
            Step::Connect => "connecting",
            Step::StartTls => "starting TLS",
            Step::Login => "logging in",
            Step::Sender => "naming the sender",
            Step::Recipient => "naming the recipient",
            Step::Data => "sending the mail",
            Step::Dot => "waiting for the answer to the mail",
        }
    }
}

/// Greylisting lets nobody in before five minutes.
const GREYLIST_WAIT: Duration = Duration::from_secs(5 * 60);

/// What a negative reply means. The server's text is not kept, for it may quote addresses; the
/// enhanced code says the same in three numbers.
pub(super) fn refusal(step: Step, code: u16, text: &str, at: Timestamp) -> SendResult {
    let enhanced = enhanced(text);
    let detail = match enhanced {
        Some((class, subject, detail)) => {
            format!("{code} {class}.{subject}.{detail} while {}", step.words())
        }
        None => format!("{code} while {}", step.words()),
    };
    let destination = |class| SendResult::destination(class, &detail);
    let message = |class| SendResult::message(class, &detail);
    // Either number may say that it is only for now.
    if (400..500).contains(&code) || matches!(enhanced, Some((4, _, _))) {
        let deferring = matches!(step, Step::Recipient | Step::Data | Step::Dot);
        let greylisted = deferring && matches!(code, 450 | 451);
        let class = if step == Step::Login {
            Class::Auth
        } else {
            Class::Deferred
        };
        return SendResult::Transient {
            failure: Failure::new(class, &detail),
            not_before: greylisted.then(|| at + GREYLIST_WAIT),
        };
    }
    match (step, enhanced) {
        // Whatever is refused before the sender is named is about us, not about the mail.
        (Step::Connect, _) => return destination(Class::Policy),
        (Step::StartTls, _) => return destination(Class::Tls),
        (Step::Login, _) => return destination(Class::Auth),
        // Authentication required or wrong, basic authentication off, not allowed to send as.
        (_, Some((5, 7, 8 | 9 | 30 | 57 | 60 | 139))) => return destination(Class::Auth),
        // The sender's address, not the recipient's.
        (_, Some((5, 1, 7 | 8))) => return destination(Class::Policy),
        (_, Some((5, 2, 3) | (5, 3, 4))) => return message(Class::TooLarge),
        (Step::Sender, Some((5, 1..=4, _))) => return destination(Class::Policy),
        (_, Some((5, 1 | 2 | 4, _))) => return message(Class::Recipient),
        (Step::Sender, Some((5, 7, _))) if code != 552 => return destination(Class::Policy),
        (_, Some((5, 7, _))) if code != 530 => return message(Class::Policy),
        (_, Some((5, 6, _))) => return message(Class::Invalid),
        _ => {}
    }
    match (code, step) {
        (530 | 534 | 535 | 538, _) => destination(Class::Auth),
        (552, _) => message(Class::TooLarge),
        (_, Step::Sender) => destination(Class::Policy),
        (550 | 551 | 553, Step::Recipient) | (551 | 553, _) => message(Class::Recipient),
        (550 | 554, _) => message(Class::Policy),
        (500..=599, _) => message(Class::Protocol),
        // A number that is no refusal in a place where one was read.
        _ if step == Step::Dot => SendResult::unknown(Class::Protocol, &detail),
        _ => SendResult::transient(Class::Protocol, &detail),
    }
}

/// The enhanced status code (RFC 3463) at the beginning of a reply's text.
fn enhanced(text: &str) -> Option<(u8, u16, u16)> {
    let word = text.split_whitespace().next()?;
    let mut numbers = word.split('.');
    let code = (
        numbers.next()?.parse().ok()?,
        numbers.next()?.parse().ok()?,
        numbers.next()?.parse().ok()?,
    );
    (numbers.next().is_none() && matches!(code.0, 2 | 4 | 5)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(step: Step, code: u16, text: &str, expected: &str, class: Class) {
        let result = refusal(step, code, text, crate::samples::at());
        assert_eq!(result.as_str(), expected, "{code} {text}: {result:?}");
        assert_eq!(result.failure().map(|failure| failure.class), Some(class));
    }

    #[test]
    fn replies_mean_what_the_table_says() {
        use Step::*;
        for code in [421, 450, 451, 452, 432, 454, 471] {
            check(Recipient, code, "later", "transient", Class::Deferred);
            check(Dot, code, "4.7.1 later", "transient", Class::Deferred);
        }
        check(
            Recipient,
            550,
            "5.1.1 unknown",
            "rejected-message",
            Class::Recipient,
        );
        check(
            Recipient,
            550,
            "no such user",
            "rejected-message",
            Class::Recipient,
        );
        check(
            Recipient,
            553,
            "bad name",
            "rejected-message",
            Class::Recipient,
        );
        check(
            Recipient,
            550,
            "5.4.1 Access denied",
            "rejected-message",
            Class::Recipient,
        );
        check(
            Recipient,
            552,
            "5.2.2 full",
            "rejected-message",
            Class::Recipient,
        );
        check(Dot, 552, "too big", "rejected-message", Class::TooLarge);
        check(
            Sender,
            552,
            "5.3.4 too big",
            "rejected-message",
            Class::TooLarge,
        );
        check(Dot, 554, "5.7.1 spam", "rejected-message", Class::Policy);
        check(Dot, 550, "5.7.1 spam", "rejected-message", Class::Policy);
        check(Dot, 554, "no", "rejected-message", Class::Policy);
        check(
            Sender,
            530,
            "5.7.0 authenticate first",
            "rejected-destination",
            Class::Policy,
        );
        check(
            Sender,
            530,
            "authenticate first",
            "rejected-destination",
            Class::Auth,
        );
        check(
            Recipient,
            530,
            "5.7.0 authenticate first",
            "rejected-destination",
            Class::Auth,
        );
        check(
            Login,
            535,
            "5.7.8 wrong",
            "rejected-destination",
            Class::Auth,
        );
        check(Login, 454, "4.7.0 later", "transient", Class::Auth);
        check(
            Sender,
            550,
            "5.7.30 Basic off",
            "rejected-destination",
            Class::Auth,
        );
        check(
            Dot,
            550,
            "5.7.60 send as",
            "rejected-destination",
            Class::Auth,
        );
        check(
            Sender,
            550,
            "5.1.8 sender",
            "rejected-destination",
            Class::Policy,
        );
        check(
            Connect,
            554,
            "no service",
            "rejected-destination",
            Class::Policy,
        );
        check(Connect, 421, "busy", "transient", Class::Deferred);
        check(StartTls, 500, "what", "rejected-destination", Class::Tls);
        check(
            Dot,
            550,
            "4.2.1 really for now",
            "transient",
            Class::Deferred,
        );
        check(Dot, 354, "go on", "unknown", Class::Protocol);
        check(Data, 250, "early", "transient", Class::Protocol);
    }

    #[test]
    fn every_code_has_a_fate_and_greylisting_waits() {
        let at = crate::samples::at();
        for code in 200..600 {
            for step in [
                Step::Connect,
                Step::Login,
                Step::Sender,
                Step::Recipient,
                Step::Dot,
            ] {
                let result = refusal(step, code, "", at);
                assert!(!result.is_success(), "{code}");
                let transient = matches!(result, SendResult::Transient { .. });
                if (400..500).contains(&code) {
                    assert!(transient, "{code}");
                }
                if code >= 500 {
                    assert!(!transient, "{code}");
                }
            }
        }
        let SendResult::Transient { not_before, .. } =
            refusal(Step::Recipient, 451, "4.7.1 Greylisted", at)
        else {
            panic!("greylisting is for now");
        };
        assert_eq!(not_before, Some(at + GREYLIST_WAIT));
    }

    #[test]
    fn enhanced_codes_are_read_at_the_beginning_only() {
        assert_eq!(enhanced("5.7.30 off"), Some((5, 7, 30)));
        for text in ["", "off 5.7.30", "5.7", "5.7.1.2", "9.1.1", "127.0.0.1"] {
            assert_eq!(enhanced(text), None, "{text}");
        }
    }

    #[test]
    fn the_servers_text_is_not_kept() {
        let result = refusal(
            Step::Recipient,
            550,
            "5.1.1 <owner@contoso.example>",
            crate::samples::at(),
        );
        assert!(!format!("{result:?}").contains("owner@"));
    }
}
