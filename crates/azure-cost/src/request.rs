//! One request and its answer, as the operations see them.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use crate::quotas::Meters;

/// A request that an operation wants answered.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// What is asked of which scope, in the words of an error: "read budgets of /subscriptions/1".
    pub(crate) operation: String,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) repeat: Repeat,
    /// The quotas of Cost Management that it counts against.
    pub(crate) meters: Meters,
    /// Longest body, instead of the client's limit.
    pub(crate) answer_bytes: Option<usize>,
    /// A status of refusal that is an answer to this request.
    pub(crate) accepts: Option<u16>,
    /// Whether status 202 to a page means that it is being prepared, to be asked for again.
    pub(crate) may_be_in_preparation: bool,
}

/// When a request may be sent again after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever trying again may help: doing it twice is the same as doing it once.
    Freely,
    /// Only when it is certain that the service has not begun: no connection, 429, 503.
    IfNotBegun,
}

impl Request {
    pub(crate) fn get(operation: impl Into<String>, url: Url) -> Request {
        Request {
            operation: operation.into(),
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: None,
            repeat: Repeat::Freely,
            meters: Meters::default(),
            answer_bytes: None,
            accepts: None,
            may_be_in_preparation: false,
        }
    }

    /// A POST that only asks, and so may be repeated.
    pub(crate) fn ask(operation: impl Into<String>, url: Url, body: &impl Serialize) -> Request {
        Request {
            method: Method::POST,
            ..Request::get(operation, url).with_json(body)
        }
    }

    /// A POST that starts something that shows, such as a mail or a run of an export.
    pub(crate) fn start(operation: impl Into<String>, url: Url) -> Request {
        Request {
            method: Method::POST,
            repeat: Repeat::IfNotBegun,
            ..Request::get(operation, url)
        }
    }

    /// A POST that has something prepared, which nobody minds to be prepared twice.
    pub(crate) fn prepare(operation: impl Into<String>, url: Url) -> Request {
        Request {
            repeat: Repeat::Freely,
            ..Request::start(operation, url)
        }
    }

    /// A PUT of a whole resource. With an eTag in it a second try would meet the version that the
    /// first one wrote, so it is not repeated freely.
    pub(crate) fn put(operation: impl Into<String>, url: Url, body: &impl Serialize) -> Request {
        Request {
            method: Method::PUT,
            repeat: Repeat::IfNotBegun,
            ..Request::get(operation, url).with_json(body)
        }
    }

    pub(crate) fn patch(operation: impl Into<String>, url: Url, body: &impl Serialize) -> Request {
        Request {
            method: Method::PATCH,
            ..Request::get(operation, url).with_json(body)
        }
    }

    pub(crate) fn delete(operation: impl Into<String>, url: Url) -> Request {
        Request {
            method: Method::DELETE,
            ..Request::get(operation, url)
        }
    }

    pub(crate) fn with_json(mut self, body: &impl Serialize) -> Request {
        let json = serde_json::to_vec(body).expect("request bodies hold nothing that JSON cannot");
        self.body = Some(json);
        self
    }

    /// Adds a header; a value that no header can hold is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Request {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn with_meters(mut self, meters: Meters) -> Request {
        self.meters = meters;
        self
    }

    /// The same request, to which a refusal by this status is an answer like others.
    pub(crate) fn accepting(mut self, status: u16) -> Request {
        self.accepts = Some(status);
        self
    }

    /// The same request for another page.
    pub(crate) fn at(&self, url: Url) -> Request {
        Request {
            url,
            ..self.clone()
        }
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Whether the service says that there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.status == 204
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
