//! What is there from the start: documents that somebody put before the story begins.

use axum::http::{HeaderMap, Method, Uri};
use jiff::civil::Date;

use super::alerts::{ActionGroup, ActionGroups};
use super::operation::{self, Call};
use super::request::Request;
use super::state::Sandbox;
use super::{Options, TABLES};
use crate::world::World;

/// Budgets, rules of anomaly alerts, exports and action groups that are there from the start.
///
/// They come from a scenario file, where the sandbox has held them to Azure's rules. What the
/// world they are served with does not take is left out.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    puts: Vec<Put>,
    groups: ActionGroups,
}

/// A document as its owner has put it.
#[derive(Debug, Clone)]
pub(crate) struct Put {
    /// The path with its version, from the scope on.
    pub(crate) path: String,
    /// JSON.
    pub(crate) body: String,
    /// The day on which it was put.
    pub(crate) on: Date,
}

impl Standing {
    /// With a document.
    pub(crate) fn put(&mut self, put: Put) {
        self.puts.push(put);
    }

    /// With an action group.
    pub(crate) fn group(&mut self, id: String, group: ActionGroup) {
        self.groups.insert(id, group);
    }

    /// Puts all that the sandbox takes; afterwards it is the day again that it was.
    pub(super) fn set_up(&self, sandbox: &Sandbox) {
        if self.puts.is_empty() && self.groups.is_empty() {
            return;
        }
        let today = sandbox.today();
        for each in &self.puts {
            // A refusal has nobody to go to: scenarios have tried all of these.
            let _ = put(sandbox, each);
        }
        let _ = sandbox.documents.alerts.set_groups(self.groups.clone());
        sandbox.set_today(today);
    }
}

/// A sandbox to try documents on.
pub(crate) struct Trial(Sandbox);

impl Trial {
    pub(crate) fn new(world: &World) -> Trial {
        Trial(Sandbox::new(world.clone(), Options::new(world.today)))
    }

    /// Puts a document.
    ///
    /// # Errors
    /// What Azure would say.
    pub(crate) fn put(&self, each: &Put) -> Result<(), String> {
        put(&self.0, each)
    }

    /// Registers an action group.
    ///
    /// # Errors
    /// When its address is not of this machine.
    pub(crate) fn group(&self, id: &str, group: &ActionGroup) -> Result<(), String> {
        let groups = [(id.to_owned(), group.clone())].into();
        let set = self.0.documents.alerts.set_groups(groups);
        set.map_err(|refusal| refusal.message)
    }
}

/// Answers a PUT of the owner, who needs no token, on its day.
fn put(sandbox: &Sandbox, put: &Put) -> Result<(), String> {
    let uri: Uri =
        (put.path.replace(' ', "%20").parse()).map_err(|_| format!("{} is no path", put.path))?;
    let body = put.body.clone().into_bytes().into();
    let request = Request::new(Method::PUT, &uri, HeaderMap::new(), body);
    sandbox.set_today(put.on);
    let found = operation::find(TABLES, &request).map_err(|refusal| refusal.message)?;
    let call = Call::new(sandbox, &request, found);
    let answer = call.operation.run(&call);
    answer.map(drop).map_err(|refusal| refusal.message)
}
