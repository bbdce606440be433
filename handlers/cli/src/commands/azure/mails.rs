//! `azure mails`: what Azure mails at fixed times, and its rules about unusual costs (scheduled
//! actions and anomaly alert rules).

use azure_cost::ScheduledAction;
use budget_engine::ScopeKind;
use futures::StreamExt;

use super::Asking;
use crate::args::azure::Mails;
use crate::args::wrong_use;
use crate::listing::{List, Value};

const KINDS: &[ScopeKind] = &[
    ScopeKind::Subscription,
    ScopeKind::ResourceGroup,
    ScopeKind::BillingAccount,
    ScopeKind::Department,
    ScopeKind::EnrollmentAccount,
    ScopeKind::BillingProfile,
    ScopeKind::InvoiceSection,
];

pub(super) async fn run(asking: &Asking<'_>, options: &Mails) -> anyhow::Result<()> {
    let client = asking.client()?;
    if options.private && asking.options.connection.scope.is_some() {
        return Err(wrong_use(
            "--private mails are of no scope; leave --scope out",
        ));
    }
    if options.private {
        // There is no scope whose roles could be missing.
        let mails = client.scheduled_actions(None, None);
        return asking.print(list(), mails.map(|mail| Ok(mail?))).await;
    }
    let scope = asking.scope(KINDS)?;
    let mails = client.scheduled_actions(Some(&scope), None);
    asking.list(list(), &scope, mails).await
}

fn list() -> List<ScheduledAction> {
    List::of("mail", "mails")
        .shown("Mail", "name", |mail: &ScheduledAction| {
            Value::from(&mail.name)
        })
        .field("id", |mail| Value::from(&mail.id))
        .shown("About", "display_name", |mail| {
            Value::from(&mail.properties.display_name)
        })
        .shown("When", "when", |mail| match mail.is_anomaly_alert() {
            true => "unusual costs".to_owned(),
            false => mail.properties.schedule.frequency.clone(),
        })
        .field("kind", |mail| Value::from(&mail.kind))
        .shown("Status", "status", |mail| {
            Value::from(&mail.properties.status)
        })
        .field("scope", |mail| Value::from(&mail.properties.scope))
        .field("view_id", |mail| Value::from(&mail.properties.view_id))
        .field("from", |mail| mail.properties.schedule.start_date)
        .shown("Ends", "until", |mail| {
            let until = mail.properties.schedule.end_date;
            until.strftime("%Y-%m-%d").to_string()
        })
        .shown("Subject", "subject", |mail| {
            Value::from(&mail.properties.notification.subject)
        })
        .shown("To", "to", |mail| {
            Value::Texts(mail.properties.notification.to.clone())
        })
}
