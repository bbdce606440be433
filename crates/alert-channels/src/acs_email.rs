//! Mail by Azure Communication Services, with tokens of our identity.
//!
//! The text is that of a mail by SMTP, one mail for each recipient. Each delivery is an operation of
//! Azure whose id follows from the delivery's. Azure does not say what a second request with the
//! same id does, so before anything is sent again it is asked for the operation; one that is found
//! is the mail. Azure answers 202 before the mail leaves, so the best result is
//! [`SendResult::Accepted`]. Wire format: `emails:send`, version 2023-03-31.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::channel::{Attempt, Channel, ConfigError, Kind, RenderError, Rendered};
use crate::email::compose::Composer;
use crate::email::{Subject, Templates, mailbox};
use crate::http::{Access, Http, Reply, by_status};
use crate::ids::uuid;
use crate::notice::Notice;
use crate::outcome::{Class, SendResult};
use crate::tokens::{Service, Signed, TokenSource};

const API_VERSION: &str = "2023-03-31";
const SERVICE: Service = Service {
    suffixes: &[".communication.azure.com", ".communication.azure.us"],
    scope: "https://communication.azure.com/.default",
};

/// Mail through one resource of Communication Services.
pub struct AcsEmail {
    resource: Signed,
    sender: String,
    reply_to: Option<String>,
    composer: Composer,
}

impl AcsEmail {
    /// A resource by its endpoint (`https://contoso.europe.communication.azure.com`), and the sender,
    /// an address of a domain that is connected with it. Azure shows a name only as the domain's
    /// settings say it, so a name in `from` has no effect.
    pub fn new(
        http: &Http,
        endpoint: &str,
        access: Access,
        tokens: Arc<dyn TokenSource>,
        from: &str,
        reply_to: Option<&str>,
        subject: Subject,
    ) -> Result<AcsEmail, ConfigError> {
        let from = mailbox(from, "from")?;
        let reply_to = reply_to
            .map(|address| mailbox(address, "reply_to"))
            .transpose()?;
        Ok(AcsEmail {
            resource: Signed::new(http, endpoint, access, SERVICE, tokens)?,
            sender: from.email.to_string(),
            reply_to: reply_to.as_ref().map(|mailbox| mailbox.email.to_string()),
            composer: Composer::new(from, reply_to, subject),
        })
    }

    /// The same with templates of one's own.
    pub fn with_templates(self, templates: Option<Templates>) -> AcsEmail {
        AcsEmail {
            composer: self.composer.with_templates(templates),
            ..self
        }
    }

    fn body(&self, notice: &Notice) -> Result<Value, RenderError> {
        let parts = self.composer.parts(notice)?;
        let mut body = json!({
            "senderAddress": self.sender,
            "recipients": {"to": [{"address": parts.recipient}]},
            "content": {
                "subject": parts.subject,
                "plainText": parts.text,
                "html": parts.html,
            },
            "headers": {
                "X-Auto-Response-Suppress": "All",
                "X-Spendwatch-Delivery-Id": notice.safe_id(),
            },
            "userEngagementTrackingDisabled": true,
        });
        if let Some(address) = &self.reply_to {
            body["replyTo"] = json!([{"address": address}]);
        }
        Ok(body)
    }

    /// What became of an operation that an earlier attempt may have begun; nothing if there is none.
    async fn look(&self, operation: &str, at: Timestamp) -> Result<Option<SendResult>, SendResult> {
        let query = [("api-version", API_VERSION)];
        let place = self
            .resource
            .below(&["emails", "operations", operation], &query);
        let (place, header) = place.sign().await?;
        let reply = place.get(&[header], at).await?;
        if reply.status == 404 {
            return Ok(None);
        }
        if !reply.is_success() {
            // Nothing was sent by asking.
            return Err(match by_status(&reply, true, at) {
                SendResult::RejectedMessage { failure } => SendResult::Transient {
                    failure,
                    not_before: reply.retry_after,
                },
                other => other,
            });
        }
        let body = reply.json();
        match body["status"].as_str() {
            Some("Failed" | "Canceled") => {
                let code = body["error"]["code"].as_str();
                let code = code.and_then(|code| place.showable(code));
                let code = code.unwrap_or("without a code");
                let detail = format!("the service gave the mail up: {code}");
                Ok(Some(SendResult::message(Class::Policy, detail)))
            }
            Some(_) => Ok(Some(accepted(operation))),
            None => {
                let detail = "the answer about the operation has no status";
                Err(SendResult::transient(Class::Protocol, detail))
            }
        }
    }

    async fn begin(&self, body: Value, operation: &str, at: Timestamp) -> SendResult {
        let query = [("api-version", API_VERSION)];
        let place = self.resource.below(&["emails:send"], &query);
        let (place, header) = match place.sign().await {
            Ok(signed) => signed,
            Err(result) => return result,
        };
        let headers = [
            header,
            ("operation-id", operation.to_owned()),
            ("x-ms-client-request-id", operation.to_owned()),
        ];
        let body = body.to_string().into_bytes();
        match place.post(&headers, body, at).await {
            Ok(reply) => judge(&reply, operation, at),
            Err(result) => result,
        }
    }
}

fn accepted(operation: &str) -> SendResult {
    SendResult::Accepted {
        provider_id: Some(operation.to_owned()),
    }
}

fn judge(reply: &Reply, operation: &str, at: Timestamp) -> SendResult {
    match reply.status {
        202 => accepted(operation),
        200..=299 if !reply.complete => SendResult::unknown(Class::Interrupted, "no whole answer"),
        200..=299 => {
            let detail = format!("status {}, which the service does not give", reply.status);
            SendResult::destination(Class::Protocol, detail)
        }
        // An operation of this id is there: the next attempt looks at it.
        409 => SendResult::unknown(Class::Policy, "status 409: the operation exists"),
        // The next attempt asks what became of it.
        _ => by_status(reply, false, at),
    }
}

#[async_trait]
impl Channel for AcsEmail {
    fn kind(&self) -> Kind {
        Kind::AcsEmail
    }

    fn render(&self, notice: &Notice) -> Result<Rendered, RenderError> {
        Ok(Rendered {
            content_type: "application/json",
            extension: "json",
            bytes: self.body(notice)?.to_string().into_bytes(),
        })
    }

    async fn send(&self, notice: &Notice, attempt: Attempt) -> SendResult {
        let body = match self.body(notice) {
            Ok(body) => body,
            Err(error) => return SendResult::message(Class::Recipient, error.to_string()),
        };
        let operation = uuid("acs-email", &notice.safe_id());
        if attempt.number > 1 || notice.maybe_duplicate {
            match self.look(&operation, attempt.at).await {
                Ok(Some(result)) | Err(result) => return result,
                Ok(None) => {}
            }
        }
        self.begin(body, &operation, attempt.at).await
    }
}

impl fmt::Debug for AcsEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcsEmail")
            .field("resource", &self.resource)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{header, method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;
    use crate::samples;
    use crate::testing::{CANARY, FixedToken, channel, local_http, token_host};

    fn operation() -> String {
        uuid("acs-email", &samples::crossing().safe_id())
    }

    async fn send(server: &MockServer, number: u32) -> SendResult {
        let http = local_http();
        let mail = channel(Kind::AcsEmail, &http, &server.uri(), Access::loopback());
        let attempt = Attempt {
            number,
            ..Attempt::first(samples::at())
        };
        mail.send(&samples::crossing(), attempt).await
    }

    async fn sending(server: &MockServer, status: u16, times: u64) {
        Mock::given(method("POST"))
            .and(path("/emails:send"))
            .and(query_param("api-version", "2023-03-31"))
            .and(header("authorization", format!("Bearer {CANARY}").as_str()))
            .and(header("operation-id", operation().as_str()))
            .respond_with(ResponseTemplate::new(status))
            .expect(times)
            .mount(server)
            .await;
    }

    async fn looking(server: &MockServer, answer: ResponseTemplate) {
        Mock::given(method("GET"))
            .and(path(format!("/emails/operations/{}", operation())))
            .and(query_param("api-version", "2023-03-31"))
            .and(header("authorization", format!("Bearer {CANARY}").as_str()))
            .respond_with(answer)
            .expect(1)
            .mount(server)
            .await;
    }

    #[tokio::test]
    async fn the_first_attempt_sends_at_once() {
        let server = MockServer::start().await;
        sending(&server, 202, 1).await;
        assert_eq!(send(&server, 1).await, accepted(&operation()));
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 1);
        let host = requests[0].headers["host"].to_str().unwrap();
        assert!(host.starts_with(token_host(Kind::AcsEmail).unwrap()));
        let body: Value = requests[0].body_json().unwrap();
        let to = json!([{"address": "owner@contoso.example"}]);
        assert_eq!(body["recipients"], json!({"to": to}));
        assert_eq!(body["senderAddress"], "cost@contoso.example");
    }

    #[tokio::test]
    async fn a_later_attempt_looks_first_and_sends_only_what_is_not_there() {
        for (status, said, fate) in [
            (
                200,
                json!({"id": operation(), "status": "NotStarted"}),
                "accepted",
            ),
            (
                200,
                json!({"id": operation(), "status": "Running"}),
                "accepted",
            ),
            (
                200,
                json!({"id": operation(), "status": "Succeeded"}),
                "accepted",
            ),
            (
                200,
                json!({"status": "Failed", "error": {"code": "EmailDroppedAllRecipientsSuppressed"}}),
                "rejected-message",
            ),
            (200, json!({"status": "Canceled"}), "rejected-message"),
            (200, json!("sign in"), "transient"),
            (401, json!({}), "rejected-destination"),
            (400, json!({}), "transient"),
            (429, json!({}), "throttled"),
            (500, json!({}), "transient"),
        ] {
            let server = MockServer::start().await;
            sending(&server, 202, 0).await;
            looking(&server, ResponseTemplate::new(status).set_body_json(&said)).await;
            let result = send(&server, 2).await;
            assert_eq!(result.as_str(), fate, "{status} {said}: {result:?}");
        }
        let server = MockServer::start().await;
        looking(&server, ResponseTemplate::new(404)).await;
        sending(&server, 202, 1).await;
        assert_eq!(send(&server, 2).await, accepted(&operation()));
    }

    #[tokio::test]
    async fn a_possible_duplicate_is_looked_for_on_any_attempt() {
        let server = MockServer::start().await;
        let found = json!({"status": "Succeeded"});
        looking(&server, ResponseTemplate::new(200).set_body_json(found)).await;
        let mail = channel(
            Kind::AcsEmail,
            &local_http(),
            &server.uri(),
            Access::loopback(),
        );
        let mut notice = samples::crossing();
        notice.maybe_duplicate = true;
        let result = mail.send(&notice, Attempt::first(samples::at())).await;
        assert_eq!(result, accepted(&operation()));
    }

    #[test]
    fn senders_and_hosts_are_checked_when_configured() {
        let http = Http::new().unwrap();
        let made = |endpoint: &str, from: &str| {
            let tokens = Arc::new(FixedToken);
            let subject = Subject::Telling;
            AcsEmail::new(
                &http,
                endpoint,
                Access::public(),
                tokens,
                from,
                None,
                subject,
            )
        };
        let good = "https://contoso.europe.communication.azure.com";
        assert!(made(good, "cost@contoso.example").is_ok());
        assert_eq!(
            made(good, "cost").unwrap_err(),
            ConfigError::MailAddress("from")
        );
        let error = made(
            "https://communication.contoso.example",
            "cost@contoso.example",
        );
        let error = error.unwrap_err();
        assert!(matches!(error, ConfigError::ForeignHost { .. }), "{error}");
    }

    #[tokio::test]
    async fn recipients_must_be_addresses() {
        let server = MockServer::start().await;
        let http = local_http();
        let mail = channel(Kind::AcsEmail, &http, &server.uri(), Access::loopback());
        for recipient in [
            None,
            Some("ada"),
            Some("a@b.example, c@d.example"),
            Some("a@b.example\r\nx: y"),
        ] {
            let notice = Notice {
                recipient: recipient.map(str::to_owned),
                ..samples::crossing()
            };
            let result = mail.send(&notice, Attempt::first(samples::at())).await;
            assert_eq!(result.failure().unwrap().class, Class::Recipient);
        }
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
