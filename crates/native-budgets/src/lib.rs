//! Azure's own budgets, kept in step with ours as a safety net.
//!
//! A budget of the configuration is compiled into budgets that Azure can express ([`compile`]); what
//! cannot be expressed is a [`Loss`] with its reason. [`plan`] compares them with what Azure has and
//! says what to create, update, replace, delete and leave, field by field; [`import`] goes the other
//! way, from what Azure has to configuration. Everything here is pure: reading and writing Azure is
//! the work of the application.

mod alert;
mod anomaly_rules;
mod compare;
mod compile;
mod desired;
mod import;
mod names;
mod plan;
mod prune;
mod split;
mod start;
mod twin;

pub use alert::{AlertShape, NativeAlert};
pub use anomaly_rules::{
    AnomalyRule, LiveRule, MOST_RULES, RuleChange, configured_rule, plan_anomaly_rules,
};
pub use compare::{FieldChange, differences};
pub use compile::{
    Compiled, Effect, Loss, billing_grain_refused, compile, native_scope, period_to_plan,
    rounded_percent,
};
pub use desired::{
    Contacts, Desired, LOCALES, Operator, Provider, Settings, is_action_group, is_name,
};
pub use import::{ImportEffect, ImportNote, ImportOptions, Imported, id_of, import};
pub use names::{Names, Origin, native_name};
pub use plan::{Action, Change, Live, collisions, plan, plan_one};
pub use prune::{Named, Prune};
pub use start::{first_day, last_day, made_on, start_for_new};
pub use twin::{Figure, Gap, Ours, gaps, reached};
