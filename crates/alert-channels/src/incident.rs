//! What places that keep incidents are told, whichever they are: which incident, and whether it is
//! opened, acknowledged or closed.
//!
//! An incident is one alert of a budget and period; its key is the alert's id, which holds nothing
//! that changes, so that whatever is said of the alert later meets the same incident. Trouble with
//! the watcher itself has a key of its own for each matter, and every probe another one. Neither is
//! closed by us: nobody is told when a trouble is over, and whoever tests a destination closes the
//! test.

use budget_engine::{Change, Transition};

use crate::channel::RenderError;
use crate::ids::short_hash;
use crate::notice::{Message, Notice};
use crate::text::Tone;

/// What happens to incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// One is opened, or is open already and says something new.
    Open,
    /// Somebody knows of it.
    Acknowledge,
    /// They are closed.
    Close,
}

/// What a notice means for incidents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incidents {
    pub(crate) step: Step,
    /// The keys, the notice's own first; more than one only when one correction closes several.
    pub(crate) keys: Vec<String>,
    /// How urgent; no probe is.
    pub(crate) tone: Tone,
    /// Of what kind: `actual`, `forecast`, `trouble`, `probe`.
    pub(crate) class: &'static str,
}

impl Incidents {
    /// What a notice means. Notices of actions and digests mean nothing here.
    pub(crate) fn of(notice: &Notice, tone: Tone) -> Result<Incidents, RenderError> {
        let open = |key: String, tone, class| Incidents {
            step: Step::Open,
            keys: vec![key],
            tone,
            class,
        };
        match &notice.message {
            Message::Crossing(transition) => Ok(Incidents {
                step: step(transition.change),
                keys: keys(transition),
                tone,
                class: transition.kind.as_str(),
            }),
            Message::Trouble { .. } => {
                let key = format!("spendwatch-trouble-{}", short_hash(&notice.thread));
                Ok(open(key, tone, "trouble"))
            }
            Message::Probe { .. } => {
                let key = format!("spendwatch-probe-{}", notice.safe_id());
                Ok(open(key, Tone::Info, "probe"))
            }
            Message::Action { .. } | Message::Bundle { .. } | Message::Digest(_) => {
                Err(RenderError::NotTaken)
            }
        }
    }
}

/// What a change of an alert means for its incident.
fn step(change: Change) -> Step {
    match change {
        Change::Fired | Change::Reminded | Change::Escalated => Step::Open,
        Change::Acknowledged => Step::Acknowledge,
        Change::Resolved | Change::Withdrawn | Change::Closed => Step::Close,
    }
}

/// The alerts that a transition is about: its own, and those whose notices it takes back.
fn keys(transition: &Transition) -> Vec<String> {
    let mut keys = vec![transition.alert.clone()];
    for id in &transition.follows {
        // A transition's id is its alert's and a number.
        if let Some((alert, _)) = id.rsplit_once('-')
            && !keys.iter().any(|key| key == alert)
        {
            keys.push(alert.to_owned());
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::text::wording;

    fn of(notice: &Notice) -> Incidents {
        Incidents::of(notice, wording(notice).tone).unwrap()
    }

    #[test]
    fn a_correction_closes_what_its_crossings_opened() {
        let opened = of(&samples::crossing());
        assert_eq!(opened.step, Step::Open);
        assert_eq!(opened.keys, ["2c7c18cee59d20de614d"]);
        let mut correction = samples::correction();
        let closed = of(&correction);
        assert_eq!((closed.step, &closed.keys), (Step::Close, &opened.keys));
        let Message::Crossing(transition) = &mut correction.message else {
            unreachable!("the sample is a crossing");
        };
        transition.follows = vec![
            "2c7c18cee59d20de614d-1".into(),
            "00aa18cee59d20de614d-3".into(),
        ];
        // Of that one only a part is taken back.
        transition.corrects = vec!["beef18cee59d20de614d-1".into()];
        let keys = ["2c7c18cee59d20de614d", "00aa18cee59d20de614d"];
        assert_eq!(of(&correction).keys, keys);
    }

    #[test]
    fn keys_do_not_change_with_what_is_observed_or_how_it_is_sent() {
        let mut notice = samples::crossing();
        let before = of(&notice).keys;
        let Message::Crossing(transition) = &mut notice.message else {
            unreachable!("the sample is a crossing");
        };
        transition.sequence = 7;
        transition.status.spent = transition.status.planned;
        transition.status.name = "renamed".into();
        notice.id = "another".into();
        notice.maybe_duplicate = true;
        assert_eq!(of(&notice).keys, before);
    }

    #[test]
    fn probes_and_troubles_have_keys_of_their_own() {
        let probe = of(&samples::probe());
        assert_eq!((probe.class, probe.tone), ("probe", Tone::Info));
        assert_eq!(probe.keys, ["spendwatch-probe-0d0e5c7a11f24b3c"]);
        let trouble = of(&samples::trouble());
        assert_eq!((trouble.class, trouble.step), ("trouble", Step::Open));
        let mut again = samples::trouble();
        again.id = "another".into();
        assert_eq!(of(&again).keys, trouble.keys);
        again.thread = "trouble/another".into();
        assert_ne!(of(&again).keys, trouble.keys);
        let action = samples::action();
        let refused = Incidents::of(&action, Tone::Warning).unwrap_err();
        assert_eq!(refused, RenderError::NotTaken);
    }
}
