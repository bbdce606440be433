//! What can go wrong with a remote operation, by what the caller would do about it.

use jiff::Timestamp;
use serde_json::Value;

/// Why an operation gave no answer.
///
/// `operation` says what was asked of which scope. Messages hold no token and no URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The credential gave no token.
    #[error("{operation}: no token to sign in with")]
    NoToken {
        /// What was asked.
        operation: String,
        /// What the credential said.
        source: azure_core::Error,
    },
    /// Azure refuses the token, also after it was asked for again. Some operations also answer
    /// this to input that is plainly wrong: read the message.
    #[error("{operation}: sign-in refused: {message} ({code})")]
    Unauthorized {
        /// What was asked.
        operation: String,
        /// Azure's code, or the HTTP status where it gave none.
        code: String,
        /// Azure's words.
        message: String,
    },
    /// A role or a billing switch is missing.
    #[error("{operation}: not allowed: {message} ({code})")]
    Forbidden {
        /// What was asked.
        operation: String,
        /// Azure's code, for example `RBACAccessDenied` or `BillingAccessDenied`.
        code: String,
        /// Azure's words.
        message: String,
    },
    /// The scope does not exist, is too new to have data, or is of a kind that the operation does
    /// not serve.
    #[error("{operation}: not found: {message} ({code})")]
    NotFound {
        /// What was asked.
        operation: String,
        /// Azure's code, for example `SubscriptionNotFound`.
        code: String,
        /// Azure's words.
        message: String,
    },
    /// Azure asks for a longer wait than the client may take. Nothing is known about the answer.
    #[error("{operation}: throttled until {until}")]
    Throttled {
        /// What was asked.
        operation: String,
        /// When to ask again.
        until: Timestamp,
    },
    /// No usable answer after all tries: server errors, timeouts, lost connections.
    #[error("{operation}: no answer after {}: {problem}", times(*tries))]
    Unavailable {
        /// What was asked.
        operation: String,
        /// How often it was tried.
        tries: u32,
        /// What the last try ended with.
        problem: String,
    },
    /// The request itself is refused; the same request will be refused again.
    #[error("{operation}: refused: {message} ({code})")]
    Invalid {
        /// What was asked.
        operation: String,
        /// Azure's code, or the HTTP status where it gave none.
        code: String,
        /// Azure's words, or ours where the request was not sent.
        message: String,
    },
    /// The thing was changed or is being changed by somebody else: read it again.
    #[error("{operation}: changed meanwhile: {message} ({code})")]
    Conflict {
        /// What was asked.
        operation: String,
        /// Azure's code, or the HTTP status where it gave none.
        code: String,
        /// Azure's words.
        message: String,
    },
    /// Azure took the request, worked on it and failed; it says so in a successful answer.
    #[error("{operation}: failed at Azure: {message} ({code})")]
    Failed {
        /// What was asked.
        operation: String,
        /// Azure's code, or the state it gave.
        code: String,
        /// Azure's words.
        message: String,
    },
    /// A signed link to a file is refused: it has run out. Ask for a new one.
    #[error("{operation}: the link to the file has run out")]
    LinkExpired {
        /// What was asked.
        operation: String,
    },
    /// Azure is still preparing the answer. Nothing is lost: it can be asked for later.
    #[error("{operation}: still being prepared by Azure")]
    NotReady {
        /// What was asked.
        operation: String,
        /// Where to go on, with the operation's own way to resume.
        pending: Box<crate::Pending>,
    },
    /// An answer that does not say what it should.
    #[error("{operation}: unexpected answer: {problem}")]
    UnexpectedAnswer {
        /// What was asked.
        operation: String,
        /// What is wrong, and where in the answer.
        problem: String,
    },
}

impl Error {
    pub(crate) fn unexpected(operation: &str, problem: impl Into<String>) -> Error {
        Error::UnexpectedAnswer {
            operation: operation.to_owned(),
            problem: problem.into(),
        }
    }

    /// A request that is not sent, because Azure cannot know what it asks for.
    pub(crate) fn not_sent(operation: &str, message: impl Into<String>) -> Error {
        Error::Invalid {
            operation: operation.to_owned(),
            code: "NotSent".to_owned(),
            message: message.into(),
        }
    }

    /// A credential that gave no token. Of its words stays what people understand: not the page of
    /// HTML that a gateway answered with, and not where in it a reader of JSON gave up.
    pub(crate) fn no_token(operation: &str, source: azure_core::Error) -> Error {
        let said = source.to_string();
        let causes = std::iter::successors(
            Some(&source as &(dyn std::error::Error + 'static)),
            |cause| cause.source(),
        );
        let understood = causes.into_iter().find_map(|cause| {
            let words = cause.to_string();
            if cause.is::<serde_json::Error>() {
                let before = said.split(&words).next().unwrap_or_default();
                return Some(format!("{before} the answer is not JSON"));
            }
            let folded = words.to_ascii_lowercase();
            let starts = ["<!doctype", "<html", "<?xml"];
            let begin = starts.into_iter().filter_map(|start| folded.find(start));
            Some(format!(
                "{} a page for people, not for programs",
                &words[..begin.min()?]
            ))
        });
        let source = match understood {
            Some(words) => {
                azure_core::Error::with_message(source.kind().clone(), printable(&words, 500))
            }
            None => source,
        };
        Error::NoToken {
            operation: operation.to_owned(),
            source,
        }
    }

    /// The error of a status that repeating does not change.
    pub(crate) fn of_status(operation: &str, status: u16, body: &[u8]) -> Error {
        let ErrorBody { code, message } = ErrorBody::parse(status, body);
        let operation = operation.to_owned();
        // Some codes say more than the status they come with, which varies.
        match status_of_code(&code).unwrap_or(status) {
            401 => Error::Unauthorized {
                operation,
                code,
                message,
            },
            403 => Error::Forbidden {
                operation,
                code,
                message,
            },
            404 => Error::NotFound {
                operation,
                code,
                message,
            },
            409 | 412 => Error::Conflict {
                operation,
                code,
                message,
            },
            400..=499 => Error::Invalid {
                operation,
                code,
                message,
            },
            _ => Error::unexpected(&operation, format!("status {status}: {message}")),
        }
    }
}

/// How often something was tried.
fn times(tries: u32) -> String {
    match tries {
        1 => "1 try".to_owned(),
        many => format!("{many} tries"),
    }
}

/// The status that a code stands for, whatever status it comes with: 403 where permission is
/// missing, 400 where the offer or the scope has no such operation.
fn status_of_code(code: &str) -> Option<u16> {
    match &*code.to_ascii_lowercase() {
        "authorizationfailed"
        | "rbacaccessdenied"
        | "billingaccessdenied"
        | "readonlydisabledsubscription" => Some(403),
        "subscriptiontypenotsupported" | "disallowedoperation" => Some(400),
        code if code.ends_with("costdisabled") => Some(403),
        _ => None,
    }
}

/// Code and message of an error answer, from whatever the body holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ErrorBody {
    pub(crate) code: String,
    pub(crate) message: String,
}

impl ErrorBody {
    /// Reads `{"error": {…}}`, a bare `{"code", "message"}`, keys in any letter case, a message
    /// that is JSON text again, HTML, and nothing.
    pub(crate) fn parse(status: u16, body: &[u8]) -> ErrorBody {
        let mut found = ErrorBody {
            code: status.to_string(),
            message: String::new(),
        };
        match serde_json::from_slice::<Value>(body) {
            Ok(value) => found.read(&value, 0),
            Err(_) if body.trim_ascii().is_empty() => found.message = "no explanation".to_owned(),
            Err(_) if body.trim_ascii_start().starts_with(b"<") => {
                found.message = "a page for people, not for programs".to_owned();
            }
            Err(_) => {}
        }
        if found.message.is_empty() {
            found.message = "no explanation that can be read".to_owned();
        }
        found
    }

    fn read(&mut self, value: &Value, depth: u8) {
        if let Some(inner) = key(value, "error")
            && inner.is_object()
        {
            return self.read(inner, depth);
        }
        match key(value, "code") {
            Some(Value::String(code)) if !code.is_empty() => self.code = printable(code, 100),
            Some(Value::Number(code)) => self.code = code.to_string(),
            _ => {}
        }
        if let Some(Value::String(message)) = key(value, "message") {
            match serde_json::from_str::<Value>(message) {
                Ok(inner) if inner.is_object() && depth < 3 => self.read(&inner, depth + 1),
                _ => self.message = printable(message, 500),
            }
        }
    }
}

fn key<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let found = value
        .as_object()?
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value)
}

/// Text from outside as it may stand in one line of a message.
pub(crate) fn printable(text: &str, limit: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(limit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_error_body_gives_code_and_message() {
        let nested = r#"{"error":{"code":"BadRequest","message":"{\"error\":{\"code\":\"RBACAccessDenied\",\"message\":\"no role\"}}"}}"#;
        for (body, code, message) in [
            (
                r#"{"error":{"code":"BillingAccessDenied","message":"not here","target":null,"details":[]}}"#,
                "BillingAccessDenied",
                "not here",
            ),
            (
                r#"{"code":"AuthorizationFailed","message":"no role"}"#,
                "AuthorizationFailed",
                "no role",
            ),
            (
                r#"{"Error":{"Code":"X","Message":"two\nlines"}}"#,
                "X",
                "two lines",
            ),
            (nested, "RBACAccessDenied", "no role"),
            (r#"{"error":{"code":429,"message":"slow"}}"#, "429", "slow"),
            (
                r#"{"error":"denied"}"#,
                "403",
                "no explanation that can be read",
            ),
            ("", "403", "no explanation"),
            (
                "<html><body>Forbidden</body></html>",
                "403",
                "a page for people, not for programs",
            ),
            ("denied", "403", "no explanation that can be read"),
        ] {
            let found = ErrorBody::parse(403, body.as_bytes());
            assert_eq!((&*found.code, &*found.message), (code, message), "{body}");
        }
    }

    #[test]
    fn some_codes_say_more_than_their_status() {
        let of = |status, code: &str| {
            let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
            Error::of_status("read", status, body.as_bytes())
        };
        for (status, code) in [
            (401, "RBACAccessDenied"),
            (400, "AuthorizationFailed"),
            (404, "BillingAccessDenied"),
            (400, "DepartmentCostDisabled"),
            (409, "ReadOnlyDisabledSubscription"),
            (403, "SomethingElse"),
        ] {
            let error = of(status, code);
            assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
        }
        for status in [400, 401, 403, 404, 409] {
            for code in ["SubscriptionTypeNotSupported", "DisallowedOperation"] {
                let error = of(status, code);
                assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
            }
        }
        assert!(matches!(of(409, "Conflict"), Error::Conflict { .. }));
        assert!(matches!(of(401, "401"), Error::Unauthorized { .. }));
    }

    #[test]
    fn one_try_is_no_plural() {
        for (tries, words) in [(1, "after 1 try:"), (3, "after 3 tries:")] {
            let error = Error::Unavailable {
                operation: "list".to_owned(),
                tries,
                problem: "timeout".to_owned(),
            };
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_page_instead_of_a_token_is_not_shown() {
        use azure_core::error::ErrorKind;
        let page = "sign-in failed with 502.\n<!DOCTYPE html><HTML><h1>Oops</h1>";
        let inner = azure_core::Error::with_message(ErrorKind::Credential, page);
        let outer = azure_core::Error::new(ErrorKind::Credential, inner);
        let Error::NoToken { source, .. } = Error::no_token("read", outer) else {
            panic!("another error");
        };
        assert_eq!(
            source.to_string(),
            "sign-in failed with 502. a page for people, not for programs"
        );
        assert!(std::error::Error::source(&source).is_none());
        let json = serde_json::from_str::<Value>("nothing").unwrap_err();
        let inner = azure_core::Error::new(ErrorKind::DataConversion, json);
        let words = format!("sign-in failed. {inner}");
        let outer = azure_core::Error::with_error(ErrorKind::Credential, inner, words);
        let Error::NoToken { source, .. } = Error::no_token("read", outer) else {
            panic!("another error");
        };
        assert_eq!(source.to_string(), "sign-in failed. the answer is not JSON");
        let plain = azure_core::Error::with_message(ErrorKind::Credential, "no identity < here");
        let error = Error::no_token("read", plain);
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "no identity < here");
    }

    #[test]
    fn long_messages_are_cut() {
        let body = format!(r#"{{"code":"X","message":"{}"}}"#, "é".repeat(10_000));
        assert_eq!(
            ErrorBody::parse(400, body.as_bytes())
                .message
                .chars()
                .count(),
            500
        );
    }
}
