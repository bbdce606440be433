//! A call to a program: JSON of the caller's own, posted once and signed if the program knows a key.
//!
//! It goes through the same guarded client as notices: only where its access allows, no redirects,
//! a deadline, and no URL in any error.

use jiff::Timestamp;
use secrecy::SecretString;

use crate::channel::ConfigError;
use crate::http::{Access, Endpoint, Http, by_status};
use crate::outcome::SendResult;
use crate::webhook::Signer;

/// A program that takes JSON by POST.
#[derive(Debug)]
pub struct Call {
    endpoint: Endpoint,
    signer: Option<Signer>,
}

impl Call {
    /// A program at a URL. With `secrets` each call is signed as [Standard
    /// Webhooks](https://www.standardwebhooks.com) describe it, by each of them; without, the URL
    /// itself is what permits the call, as with the triggers of Azure Logic Apps and Automation.
    pub fn new(
        http: &Http,
        url: &SecretString,
        access: Access,
        secrets: &[SecretString],
    ) -> Result<Call, ConfigError> {
        let signer = match secrets {
            [] => None,
            secrets => Some(Signer::new(secrets)?),
        };
        Ok(Call {
            endpoint: http.endpoint(url, access)?,
            signer,
        })
    }

    /// Posts once. The id, of letters, digits and `-`, is the same on every attempt, so that the
    /// program can recognize a repetition.
    ///
    /// A program that is called by a signed webhook is expected to do that, so a failure of its
    /// server may be repeated; with others nobody knows then what was done.
    pub async fn post(&self, id: &str, body: Vec<u8>, at: Timestamp) -> SendResult {
        let headers = match &self.signer {
            Some(signer) => {
                let timestamp = at.as_second();
                vec![
                    ("webhook-id", id.to_owned()),
                    ("webhook-timestamp", timestamp.to_string()),
                    ("webhook-signature", signer.sign(id, timestamp, &body)),
                ]
            }
            // The name by which runs of a Logic App are found.
            None => vec![("x-ms-client-tracking-id", id.to_owned())],
        };
        match self.endpoint.post(&headers, body, at).await {
            Ok(reply) if reply.status == 202 => SendResult::Accepted { provider_id: None },
            Ok(reply) if (200..300).contains(&reply.status) => {
                SendResult::Delivered { provider_id: None }
            }
            Ok(reply) => by_status(&reply, self.signer.is_some(), at),
            Err(result) => result,
        }
    }
}

#[cfg(test)]
mod tests {
    use wiremock::matchers::{body_string, method};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    async fn call(status: u16, secrets: &[SecretString]) -> (SendResult, MockServer) {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .and(body_string("{\"a\":1}"))
            .respond_with(ResponseTemplate::new(status))
            .expect(1)
            .mount(&server)
            .await;
        let url = format!("{}/run?sig=c4n4ry", server.uri()).into();
        let http = Http::new().unwrap();
        let call = Call::new(&http, &url, Access::loopback(), secrets).unwrap();
        assert!(!format!("{call:?}").contains("c4n4ry"));
        let at = Timestamp::now();
        (call.post("abc-1", b"{\"a\":1}".to_vec(), at).await, server)
    }

    #[tokio::test]
    async fn a_signed_call_is_what_an_independent_verifier_accepts() {
        let (result, server) = call(200, &[KEY.into()]).await;
        assert!(matches!(result, SendResult::Delivered { .. }), "{result:?}");
        let requests = server.received_requests().await.unwrap();
        let request = &requests[0];
        assert_eq!(request.headers["webhook-id"], "abc-1");
        let verifier = standardwebhooks::Webhook::new(KEY).unwrap();
        verifier.verify(&request.body, &request.headers).unwrap();
        assert!(verifier.verify(b"{\"a\":2}", &request.headers).is_err());
    }

    #[tokio::test]
    async fn a_call_without_a_key_says_its_id_and_signs_nothing() {
        let (result, server) = call(202, &[]).await;
        assert!(matches!(result, SendResult::Accepted { .. }), "{result:?}");
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests[0].headers["x-ms-client-tracking-id"], "abc-1");
        assert!(!requests[0].headers.contains_key("webhook-signature"));
    }

    #[tokio::test]
    async fn what_failed_may_be_repeated_only_where_repetitions_are_recognized() {
        let (signed, _server) = call(500, &[KEY.into()]).await;
        assert!(matches!(signed, SendResult::Transient { .. }), "{signed:?}");
        let (plain, _server) = call(500, &[]).await;
        assert!(matches!(plain, SendResult::Unknown { .. }), "{plain:?}");
    }
}
