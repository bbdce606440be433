//! Scheduled actions: mails with a view's costs, and mails about anomalies.

use budget_engine::{Scope, ScopeKind};
use futures::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::{API_VERSION, of, prefix};
use crate::client::{Client, part};
use crate::error::Error;
use crate::fields::{Fields, deserialize};
use crate::paging::{items, lazily};
use crate::parameters::quoted;
use crate::request::Request;

/// Something that Azure mails at set times or when costs are unusual. Written back as it was read
/// it changes nothing. As JSON it is what Azure shows and takes; text that Azure leaves out is
/// `""`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledAction {
    /// Its path.
    #[serde(skip)]
    pub id: String,
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// `Email`, or `InsightAlert` for anomalies.
    pub kind: String,
    /// The version that was read; written, it makes Azure refuse to overwrite another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e_tag: Option<String>,
    /// What is mailed, when and to whom.
    pub properties: ScheduledActionProperties,
}

/// What is mailed, when and to whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledActionProperties {
    /// Its name for people.
    pub display_name: String,
    /// `Enabled`, `Disabled` or `Expired`.
    pub status: String,
    /// Id of the view whose costs it is about.
    pub view_id: String,
    /// The scope of the costs, for an action that is private.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// Files that come with the mail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_destination: Option<FileDestination>,
    /// The mail.
    pub notification: ActionNotification,
    /// Whom a person may answer.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub notification_email: String,
    /// When.
    pub schedule: ActionSchedule,
}

/// Files that come with a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FileDestination {
    /// `Csv`.
    pub file_formats: Vec<String>,
}

/// A mail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionNotification {
    /// Addresses, 1 to 20.
    pub to: Vec<String>,
    /// Subject, up to 70 characters.
    pub subject: String,
    /// Words before the costs, up to 250 characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Language, such as `en`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// How numbers and dates look, such as `en-us`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub regional_format: String,
}

/// When something is mailed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionSchedule {
    /// `Daily`, `Weekly` or `Monthly`.
    pub frequency: String,
    /// From when.
    pub start_date: Timestamp,
    /// Until when.
    pub end_date: Timestamp,
    /// Hour of the day in UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hour_of_day: Option<i64>,
    /// Days of the week, in English.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub days_of_week: Vec<String>,
    /// `First`, `Second`, `Third`, `Fourth` or `Last`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weeks_of_month: Vec<String>,
    /// Day of the month, 1 to 31.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day_of_month: Option<i64>,
}

/// Whether a name is free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAvailability {
    /// Whether it is.
    pub is_available: bool,
    /// `Invalid` or `AlreadyExists` if it is not.
    pub reason: String,
    /// Azure's words.
    pub message: String,
}

impl ScheduledAction {
    /// A rule that mails when Azure finds the costs of a subscription unusual: looked at every
    /// day, from `from` until `until`, which Azure wants within a year. Five are allowed for each
    /// subscription.
    ///
    /// Azure looks about 36 hours after the end of a day.
    pub fn anomaly_alert(
        subscription: &Scope,
        display_name: &str,
        notification: ActionNotification,
        from: Timestamp,
        until: Timestamp,
    ) -> ScheduledAction {
        let view = "/providers/Microsoft.CostManagement/views/ms:DailyAnomalyByResourceGroup";
        ScheduledAction {
            kind: "InsightAlert".to_owned(),
            properties: ScheduledActionProperties {
                display_name: display_name.to_owned(),
                status: "Enabled".to_owned(),
                view_id: format!("{}{view}", subscription.path()),
                notification,
                schedule: ActionSchedule {
                    frequency: "Daily".to_owned(),
                    start_date: from,
                    end_date: until,
                    ..ActionSchedule::default()
                },
                ..ScheduledActionProperties::default()
            },
            ..ScheduledAction::default()
        }
    }

    /// Whether it is a rule about anomalies.
    pub fn is_anomaly_alert(&self) -> bool {
        self.kind.eq_ignore_ascii_case("InsightAlert")
    }

    fn read(action: &Fields) -> Result<ScheduledAction, String> {
        let properties = action.object("properties")?;
        Ok(ScheduledAction {
            id: action.text("id")?,
            name: action.text("name")?,
            kind: action.text("kind")?,
            e_tag: action.optional_text("eTag")?,
            properties: read_properties(&properties)?,
        })
    }
}

const TAIL: &str = "/providers/Microsoft.CostManagement/scheduledActions";

/// Scopes at which actions can be shared.
const SHARED: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
];

impl Client {
    /// The scheduled actions of a scope or, without one, the caller's private ones. With a view,
    /// only those about it.
    pub fn scheduled_actions(
        &self,
        scope: Option<&Scope>,
        view_id: Option<&str>,
    ) -> impl Stream<Item = Result<ScheduledAction, Error>> + Send + use<> {
        let operation = format!("read scheduled actions {}", of(scope));
        let mut query = API_VERSION.to_owned();
        if let Some(view) = view_id {
            query.push_str(&format!("&$filter=properties/viewId eq {}", quoted(view)));
        }
        lazily(prefix(&operation, scope, SHARED).map(|prefix| {
            let request = Request::get(operation, self.url(&prefix, TAIL, &query));
            items(self.transport.clone(), request, |item| {
                ScheduledAction::read(&Fields::of(item)?)
            })
        }))
    }

    /// One scheduled action of a scope or, without one, of the caller.
    pub async fn scheduled_action(
        &self,
        scope: Option<&Scope>,
        name: &str,
    ) -> Result<ScheduledAction, Error> {
        let operation = format!("read scheduled action `{name}` {}", of(scope));
        let url = self.action_url(&operation, scope, name, "")?;
        let request = Request::get(operation, url);
        self.read_required(&request, ScheduledAction::read).await
    }

    /// Creates or replaces a scheduled action of a scope or, without one, of the caller, and says
    /// what Azure made of it. Rules about anomalies stand at subscriptions only.
    pub async fn put_scheduled_action(
        &self,
        scope: Option<&Scope>,
        name: &str,
        action: &ScheduledAction,
    ) -> Result<ScheduledAction, Error> {
        let operation = format!("write scheduled action `{name}` {}", of(scope));
        let kind = scope.map(Scope::kind);
        if action.is_anomaly_alert() && kind != Some(ScopeKind::Subscription) {
            let problem = "Azure looks for anomalies in subscriptions only";
            return Err(Error::not_sent(&operation, problem));
        }
        let url = self.action_url(&operation, scope, name, "")?;
        let request = Request::put(operation, url, action);
        self.read_required(&request, ScheduledAction::read).await
    }

    /// Deletes a scheduled action; one that is not there is deleted already.
    pub async fn delete_scheduled_action(
        &self,
        scope: Option<&Scope>,
        name: &str,
    ) -> Result<(), Error> {
        let operation = format!("delete scheduled action `{name}` {}", of(scope));
        let url = self.action_url(&operation, scope, name, "")?;
        self.tell(&Request::delete(operation, url)).await
    }

    /// Sends the mail of a scheduled action now.
    pub async fn run_scheduled_action(
        &self,
        scope: Option<&Scope>,
        name: &str,
    ) -> Result<(), Error> {
        let operation = format!("run scheduled action `{name}` {}", of(scope));
        let url = self.action_url(&operation, scope, name, "/execute")?;
        self.tell(&Request::start(operation, url)).await
    }

    /// Whether a name for a scheduled action is free, at a scope or among the caller's own.
    pub async fn scheduled_action_name_availability(
        &self,
        scope: Option<&Scope>,
        name: &str,
    ) -> Result<NameAvailability, Error> {
        let operation = format!("ask whether the name `{name}` is free {}", of(scope));
        let prefix = prefix(&operation, scope, SHARED)?;
        let tail = "/providers/Microsoft.CostManagement/checkNameAvailability";
        let kind = "Microsoft.CostManagement/ScheduledActions";
        let body = serde_json::json!({"name": name, "type": kind});
        let request = Request::ask(operation, self.url(&prefix, tail, API_VERSION), &body);
        let read = |answer: &Fields| {
            let is_available = answer.optional_flag("nameAvailable")?;
            Ok(NameAvailability {
                is_available: is_available.ok_or_else(|| answer.missing("nameAvailable"))?,
                reason: answer.text("reason")?,
                message: answer.text("message")?,
            })
        };
        self.read_required(&request, read).await
    }

    fn action_url(
        &self,
        operation: &str,
        scope: Option<&Scope>,
        name: &str,
        tail: &str,
    ) -> Result<Url, Error> {
        let prefix = prefix(operation, scope, SHARED)?;
        let name = part(operation, "the scheduled action", name)?;
        Ok(self.url(&prefix, &format!("{TAIL}/{name}{tail}"), API_VERSION))
    }
}

fn read_properties(properties: &Fields) -> Result<ScheduledActionProperties, String> {
    let files = properties.optional_object("fileDestination")?;
    let files = files.map(|files| {
        let file_formats = files.texts("fileFormats")?;
        Ok::<_, String>(FileDestination { file_formats })
    });
    let mail = properties.object("notification")?;
    let schedule = properties.object("schedule")?;
    let moment = |name| {
        let moment = schedule.optional_moment(name)?;
        moment.ok_or_else(|| schedule.missing(name))
    };
    Ok(ScheduledActionProperties {
        display_name: properties.required_text("displayName")?,
        status: properties.text("status")?,
        view_id: properties.text("viewId")?,
        scope: properties.text("scope")?,
        file_destination: files.transpose()?,
        notification: ActionNotification {
            to: mail.texts("to")?,
            subject: mail.text("subject")?,
            message: mail.text("message")?,
            language: mail.text("language")?,
            regional_format: mail.text("regionalFormat")?,
        },
        notification_email: properties.text("notificationEmail")?,
        schedule: ActionSchedule {
            frequency: schedule.required_text("frequency")?,
            start_date: moment("startDate")?,
            end_date: moment("endDate")?,
            hour_of_day: schedule.optional_integer("hourOfDay")?,
            days_of_week: schedule.texts("daysOfWeek")?,
            weeks_of_month: schedule.texts("weeksOfMonth")?,
            day_of_month: schedule.optional_integer("dayOfMonth")?,
        },
    })
}

impl<'de> Deserialize<'de> for ScheduledAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer, ScheduledAction::read)
    }
}
