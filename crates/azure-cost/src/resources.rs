//! Azure Resource Manager beyond costs: one request with JSON in and out, on the same transport.
//!
//! For crates that act on resources and bring their own wire types. Signing in, pacing, repeating
//! and following pages are as for costs.

use futures::Stream;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::Client;
use crate::error::Error;
use crate::paging::items;
use crate::request::Request;

/// A request of Azure Resource Manager. Each of them may be repeated: doing it twice must be the same
/// as doing it once.
#[derive(Debug, Clone)]
pub struct ResourceRequest {
    operation: String,
    path: String,
    query: String,
    method: http::Method,
    body: Option<Value>,
}

impl ResourceRequest {
    /// A request for a path such as `/subscriptions/1/…`, with the version of the API. `operation`
    /// says what it is for in the words of an error: "deallocate /subscriptions/1/…".
    pub fn new(
        method: http::Method,
        operation: impl Into<String>,
        path: impl Into<String>,
        api_version: &str,
    ) -> ResourceRequest {
        ResourceRequest {
            operation: operation.into(),
            path: path.into(),
            query: format!("api-version={api_version}"),
            method,
            body: None,
        }
    }

    /// The same request with a body.
    pub fn with_body(mut self, body: Value) -> ResourceRequest {
        self.body = Some(body);
        self
    }
}

impl Client {
    /// Sends a request and gives the body of its answer; `null` if that has none, or if Azure has
    /// only begun (202): look at the resource to see what became of it.
    pub async fn resource(&self, request: &ResourceRequest) -> Result<Value, Error> {
        let request = self.resource_request(request)?;
        let answer = self.send(&request).await?;
        match answer.status {
            202 | 204 => Ok(Value::Null),
            200 | 201 if answer.body.is_empty() => Ok(Value::Null),
            200 | 201 => serde_json::from_slice(&answer.body)
                .map_err(|_| Error::unexpected(&request.operation, "it is not JSON")),
            status => {
                let problem = format!("status {status}");
                Err(Error::unexpected(&request.operation, problem))
            }
        }
    }

    /// The items of a list, all pages of it.
    pub fn resources(
        &self,
        request: &ResourceRequest,
    ) -> Result<impl Stream<Item = Result<Value, Error>> + Send + use<>, Error> {
        let request = self.resource_request(request)?;
        let read = |raw: &RawValue| {
            serde_json::from_str(raw.get()).map_err(|_| "it is not JSON".to_owned())
        };
        Ok(items(self.transport.clone(), request, read))
    }

    fn resource_request(&self, request: &ResourceRequest) -> Result<Request, Error> {
        let is_odd = |part: &str| matches!(part, "." | "..") || part.contains(['?', '#', '\\']);
        if !request.path.starts_with('/') || request.path.split('/').any(is_odd) {
            let problem = "the path is not one of a resource";
            return Err(Error::not_sent(&request.operation, problem));
        }
        let url = self.url("", &request.path, &request.query);
        let made = Request {
            method: request.method.clone(),
            ..Request::get(&*request.operation, url)
        };
        Ok(match &request.body {
            Some(body) => made.with_json(body),
            None => made,
        })
    }
}
