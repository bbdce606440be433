//! A made-up estate on loopback that answers like Azure Resource Manager, for tests.
//!
//! It knows virtual machines with tags and power states, App Service plans, tags and runbooks; it
//! keeps what was changed, in which order, and fails when it is told to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::{Value, json};

/// The estate. Clones share it.
#[derive(Clone, Default)]
pub struct Estate(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// Power state by id.
    machines: BTreeMap<String, String>,
    /// Plans as Azure would show them, by id.
    plans: BTreeMap<String, Value>,
    /// Tags by id.
    tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Bodies of the jobs, by path.
    jobs: BTreeMap<String, Value>,
    changes: Vec<String>,
    faults: VecDeque<u16>,
    is_slow: bool,
    refuses: bool,
}

impl Estate {
    /// An empty estate, and the address at which it is served from now on.
    pub async fn start() -> std::io::Result<(Estate, String)> {
        let estate = Estate::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(estate.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok((estate, address))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a virtual machine with a power state such as `running`, or changes it.
    pub fn machine(&self, id: &str, state: &str, tags: &[(&str, &str)]) {
        let mut inner = self.inner();
        inner.machines.insert(id.to_owned(), state.to_owned());
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        inner.tags.insert(id.to_owned(), tags.collect());
    }

    /// Power state of a virtual machine.
    pub fn power(&self, id: &str) -> Option<String> {
        self.inner().machines.get(id).cloned()
    }

    /// Adds an App Service plan of a size, with three workers.
    pub fn plan(&self, id: &str, sku: &str) {
        let plan = json!({
            "id": id,
            "location": "westeurope",
            "sku": { "name": sku, "tier": "PremiumV3", "capacity": 3 },
            "properties": { "reserved": true },
        });
        self.inner().plans.insert(id.to_owned(), plan);
    }

    /// An App Service plan as it is now.
    pub fn plan_of(&self, id: &str) -> Option<Value> {
        self.inner().plans.get(id).cloned()
    }

    /// Gives a resource, group or subscription a tag.
    pub fn tag(&self, id: &str, name: &str, value: &str) {
        let mut inner = self.inner();
        let tags = inner.tags.entry(id.to_owned()).or_default();
        tags.insert(name.to_owned(), value.to_owned());
    }

    /// Tags of a resource, group or subscription.
    pub fn tags_of(&self, id: &str) -> BTreeMap<String, String> {
        self.inner().tags.get(id).cloned().unwrap_or_default()
    }

    /// The jobs that were started, by path, with what they were given.
    pub fn jobs(&self) -> BTreeMap<String, Value> {
        self.inner().jobs.clone()
    }

    /// Everything that was changed, as `POST /subscriptions/…`, in order.
    pub fn changes(&self) -> Vec<String> {
        self.inner().changes.clone()
    }

    /// The next requests fail with these statuses, one each.
    pub fn fail(&self, statuses: &[u16]) {
        self.inner().faults.extend(statuses);
    }

    /// From now on every change is refused.
    pub fn refuse_changes(&self) {
        self.inner().refuses = true;
    }

    /// From now on machines stay `deallocating` or `starting` until [`Estate::settle`].
    pub fn be_slow(&self) {
        self.inner().is_slow = true;
    }

    /// What is being done is done.
    pub fn settle(&self) {
        for state in self.inner().machines.values_mut() {
            match &**state {
                "deallocating" => *state = "deallocated".to_owned(),
                "starting" => *state = "running".to_owned(),
                _ => {}
            }
        }
    }
}

async fn answer(State(estate): State<Estate>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20)
        .await
        .unwrap_or_else(|_| Bytes::new());
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let query = parts.uri.query().unwrap_or_default();
    if !query.starts_with("api-version=20") {
        return refused(StatusCode::BAD_REQUEST, "MissingApiVersionParameter");
    }
    let skip = query.split_once("$skiptoken=");
    let skip = skip.and_then(|(_, count)| count.parse().ok()).unwrap_or(0);
    let path = parts.uri.path();
    estate.inner().answer(&parts.method, path, skip, &body)
}

fn refused(status: StatusCode, code: &str) -> Response {
    let body = json!({ "error": { "code": code, "message": "made up" } });
    (status, axum::Json(body)).into_response()
}

fn given(body: Value) -> Response {
    axum::Json(body).into_response()
}

const TAGS: &str = "/providers/Microsoft.Resources/tags/default";
const RESOURCES: &str = "/resources";
const MACHINES: &str = "/providers/Microsoft.Compute/virtualMachines";

impl Inner {
    fn answer(&mut self, method: &Method, path: &str, skip: usize, body: &Value) -> Response {
        if let Some(status) = self.faults.pop_front() {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
            return refused(status, "Fault");
        }
        if *method != Method::GET && self.refuses {
            return refused(StatusCode::FORBIDDEN, "AuthorizationFailed");
        }
        if *method != Method::GET {
            self.changes.push(format!("{method} {path}"));
        }
        if let Some(id) = path.strip_suffix(TAGS) {
            return self.tags(method, id, body);
        }
        if let Some(scope) = path.strip_suffix(MACHINES) {
            return self.list(scope, MACHINES, skip);
        }
        if let Some(scope) = path.strip_suffix(RESOURCES) {
            return self.list(scope, RESOURCES, skip);
        }
        if path.contains("/jobs/") && *method == Method::PUT {
            let is_new = self.jobs.insert(path.to_owned(), body.clone()).is_none();
            return match is_new {
                true => (StatusCode::CREATED, axum::Json(json!({}))).into_response(),
                false => refused(StatusCode::CONFLICT, "Conflict"),
            };
        }
        if let Some(plan) = self.plans.get_mut(path) {
            if *method == Method::PUT {
                *plan = body.clone();
            }
            return given(plan.clone());
        }
        self.machine(path)
    }

    fn machine(&mut self, path: &str) -> Response {
        let Some((id, verb)) = path.rsplit_once('/') else {
            return refused(StatusCode::NOT_FOUND, "NotFound");
        };
        let Some(state) = self.machines.get_mut(id) else {
            return refused(StatusCode::NOT_FOUND, "ResourceNotFound");
        };
        let (doing, done) = match verb {
            "instanceView" => {
                let code = format!("PowerState/{state}");
                let statuses = json!([{ "code": "ProvisioningState/succeeded" }, { "code": code }]);
                return given(json!({ "statuses": statuses }));
            }
            "deallocate" => ("deallocating", "deallocated"),
            "start" => ("starting", "running"),
            _ => return refused(StatusCode::NOT_FOUND, "NotFound"),
        };
        *state = if self.is_slow { doing } else { done }.to_owned();
        StatusCode::ACCEPTED.into_response()
    }

    /// Two items a page, so that whoever reads one page only is found out.
    fn list(&self, scope: &str, kind: &str, skip: usize) -> Response {
        let prefix = format!("{scope}/");
        let all: Vec<&String> = self
            .machines
            .keys()
            .filter(|id| id.starts_with(&prefix))
            .collect();
        let items: Vec<Value> = all
            .iter()
            .skip(skip)
            .take(2)
            .map(|id| json!({ "id": id, "tags": self.tags.get(*id) }))
            .collect();
        let next = skip + 2;
        let next = (all.len() > next)
            .then(|| format!("{scope}{kind}?api-version=2024-07-01&$skiptoken={next}"));
        given(json!({ "value": items, "nextLink": next }))
    }

    fn tags(&mut self, method: &Method, id: &str, body: &Value) -> Response {
        let tags = self.tags.entry(id.to_owned()).or_default();
        if *method == Method::PATCH {
            let given = body["properties"]["tags"].as_object();
            for (name, value) in given.into_iter().flatten() {
                let value = value.as_str().unwrap_or_default();
                match body["operation"].as_str() {
                    Some("Merge") => {
                        tags.insert(name.clone(), value.to_owned());
                    }
                    Some("Delete") if tags.get(name).is_some_and(|now| now == value) => {
                        tags.remove(name);
                    }
                    _ => return refused(StatusCode::BAD_REQUEST, "InvalidOperation"),
                }
            }
        }
        given(json!({ "properties": { "tags": tags } }))
    }
}
