//! French.

use budget_engine::{AnomalyKind, Aspect, Change, Dimension, Level, Side, When};
use jiff::civil::Date;
use rust_decimal::Decimal;

use super::catalog::{
    About, Again, Ask, Bound, Catalog, Charted, Days, DigestLine, Expected, Likely, Moved,
    NoForecast, Paced, Told, Unusual,
};
use super::language::Style;
use super::{Tone, label::Label};
use crate::notice::{Because, FollowUp, LinkKind, Standing};

/// French.
pub(super) struct French;

const MONTHS: [&str; 12] = [
    "janvier",
    "février",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "août",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
];

static STYLE: Style = Style {
    decimal: ',',
    group: '\u{202f}',
    before_percent: "\u{202f}",
    beside_currency: "\u{a0}",
    currency_first: false,
    date: day,
    before_time: " à ",
};

fn day(date: Date) -> String {
    let month = French.month(date.year(), date.month());
    match date.day() {
        1 => format!("1er {month}"),
        day => format!("{day} {month}"),
    }
}

fn level(level: &Level) -> String {
    let percent = |percent: &Decimal| STYLE.percent(budget_engine::Percent(*percent));
    let amount = |amount: &Decimal| amount.normalize().to_string().replace('.', ",");
    match level {
        Level::Percent(share) => percent(share),
        Level::Amount(sum) => amount(sum),
        Level::EveryAmount(step) => format!("par tranche de {}", amount(step)),
        Level::EveryPercent(step) => format!("par tranche de {}", percent(step)),
    }
}

impl Catalog for French {
    fn style(&self) -> &'static Style {
        &STYLE
    }

    fn tone(&self, tone: Tone) -> &'static str {
        match tone {
            Tone::Calm => "note",
            Tone::Info => "info",
            Tone::Warning => "avertissement",
            Tone::Critical => "critique",
        }
    }

    fn label(&self, label: Label) -> &'static str {
        match label {
            Label::Sent => "Envoyé",
            Label::PutTogether => "Regroupé",
            Label::Spent => "Dépensé",
            Label::Remaining => "Restant",
            Label::Period => "Période",
            Label::Unusual => "Inhabituel",
            Label::Pace => "Rythme",
            Label::Forecast => "Prévision",
            Label::Data => "Données",
            Label::Scope => "Étendue",
            Label::Owner => "Responsable",
        }
    }

    fn link(&self, link: LinkKind) -> &'static str {
        match link {
            LinkKind::Status => "État",
            LinkKind::Analysis => "Analyse des coûts",
            LinkKind::Acknowledge => "Accuser réception",
            LinkKind::Silence => "Mettre en sourdine",
            LinkKind::Explain => "Explication",
            LinkKind::Approve => "Voir et approuver",
        }
    }

    fn moved(&self, moved: Moved) -> &'static str {
        match moved {
            Moved::New => "nouveau",
            Moved::Stopped => "arrêté",
            Moved::Rose => "en hausse",
            Moved::Fell => "en baisse",
            Moved::Unchanged => "inchangé",
        }
    }

    fn everything_else(&self) -> &'static str {
        "tout le reste"
    }

    fn was_expected(&self) -> &'static str {
        "attendu (tendance ou plan)"
    }

    fn no_name(&self) -> &'static str {
        "(sans nom)"
    }

    fn more(&self, count: usize) -> String {
        format!(" et {count} de plus")
    }

    fn days(&self, count: u32) -> String {
        match count {
            0 | 1 => format!("{count} jour"),
            count => format!("{count} jours"),
        }
    }

    fn month(&self, year: i16, month: i8) -> String {
        let index = usize::try_from(month - 1).unwrap_or(0);
        format!("{} {year}", MONTHS[index])
    }

    fn quarter(&self, year: i16, quarter: i8) -> String {
        match quarter {
            1 => format!("1er trimestre {year}"),
            quarter => format!("{quarter}e trimestre {year}"),
        }
    }

    fn range(&self, first: Date, last: Date) -> String {
        format!("du {} au {}", day(first), day(last))
    }

    fn bound(&self, bound: Bound, percent: &str) -> String {
        match bound {
            Bound::Over => format!("plus de {percent}"),
            Bound::Under => format!("moins de {percent}"),
            Bound::Near => percent.to_owned(),
        }
    }

    fn condition(&self, when: &When) -> String {
        match when {
            When::Actual(one) => format!("dépenses {}", level(one)),
            When::Forecast(one) => format!("prévision {}", level(one)),
            When::Pace(percent) => format!("rythme {}", level(&Level::Percent(*percent))),
            When::Anomaly(Side::Rise, one) => format!("anomalie {}", level(one)),
            When::Anomaly(Side::Drop, one) => format!("baisse {}", level(one)),
            When::Stale(days) => format!("données de plus de {}", self.days(*days)),
        }
    }

    fn span(&self, days: &Days<'_>) -> String {
        match days {
            Days::One(day) => format!("le {day}"),
            Days::Since(day) => format!("depuis le {day}"),
            Days::FromTo(first, last) => format!("du {first} au {last}"),
        }
    }

    fn bundle_subject(&self, count: usize) -> String {
        format!("{count} avis en un seul")
    }

    fn bundle_headline(&self, count: usize, allowance: u32, hours: u32) -> String {
        let hours = match hours {
            1 => "une heure".to_owned(),
            _ => format!("{hours} heures"),
        };
        format!(
            "{count} avis à la fois : au-delà de {allowance} en {hours}, ils sont réunis en un seul"
        )
    }

    fn bundle_again(&self) -> &'static str {
        "Les avis reviendront un par un quand ce sera plus calme."
    }

    fn probe_subject(&self, from: &str) -> String {
        format!("essai de {from}")
    }

    fn probe_headline(&self, from: &str) -> String {
        format!("Un essai de {from} : cette destination fonctionne")
    }

    fn probe_why(&self) -> &'static str {
        "Il ne s'est rien passé et il n'y a rien à faire ; quelqu'un a testé cette destination."
    }

    fn digest_subject(&self, day: &str) -> String {
        format!("vos budgets, semaine au {day}")
    }

    fn digest_headline(&self, count: usize) -> String {
        match count {
            0 => "Rien à signaler sur vos budgets".to_owned(),
            1 => "Un de vos budgets demande votre attention".to_owned(),
            count => format!("{count} de vos budgets demandent votre attention"),
        }
    }

    fn digest_row(&self, row: &DigestLine<'_>) -> String {
        let DigestLine {
            name,
            percent,
            forecast,
            planned,
            period,
            standing,
        } = row;
        let standing = match standing {
            Standing::Over => "dépassé",
            Standing::ExpectedOver => "devrait être dépassé",
            Standing::Stale => "données trop anciennes",
            Standing::Ahead => "en avance sur le plan",
            Standing::Fine => "en ordre",
        };
        format!("{name} : {percent}{forecast} de {planned} ({period}), {standing}")
    }

    fn digest_poor(&self) -> &'static str {
        ", prévisions trop imprécises"
    }

    fn digest_unevaluated(&self, name: &str, why: &str) -> String {
        format!("{name} ne peut pas être évalué : {why}")
    }

    fn digest_more(&self, count: u32) -> String {
        format!("et {count} de plus")
    }

    fn digest_moved(&self, service: &str, name: &str, change: &str, has_stopped: bool) -> String {
        match has_stopped {
            true => format!("{service} a cessé dans {name} : {change}"),
            false => format!("{service} est nouveau dans {name} : {change}"),
        }
    }

    fn digest_unusual(&self, name: &str, unusual: &Unusual<'_>, is_open: bool) -> String {
        let Unusual { span, impact, .. } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        let so_far = if is_open { " à ce jour" } else { "" };
        format!("{name} : {what} {span}, {impact} {more} que prévu{so_far}")
    }

    fn digest_more_unusual(&self, count: u32) -> String {
        match count {
            1 => "et encore une fois des coûts inhabituels".to_owned(),
            count => format!("et encore {count} fois des coûts inhabituels"),
        }
    }

    fn digest_nothing_unusual(&self, budgets: u32, days: &str) -> String {
        match budgets {
            1 => format!("Aucune anomalie dans un budget, {days} vérifiés."),
            budgets => format!("Aucune anomalie dans {budgets} budgets, {days} vérifiés."),
        }
    }

    fn digest_fine(&self, count: u32) -> String {
        match count {
            1 => "Rien à signaler sur un autre budget.".to_owned(),
            count => format!("Rien à signaler sur {count} autres budgets."),
        }
    }

    fn digest_again(&self) -> &'static str {
        "Ce résumé vient une fois par semaine."
    }

    fn maybe_duplicate(&self) -> &'static str {
        "Doublon possible : on ne sait pas si un envoi précédent est arrivé."
    }

    fn instead_of(&self, destination: &str) -> String {
        format!("Ceci n'a pas atteint {destination} et arrive donc ici.")
    }

    fn carried(&self, told: &Told<'_>, change: Change, at: &str, percent: &str) -> String {
        let what = match change {
            Change::Fired => "franchi",
            Change::Reminded => "toujours franchi",
            Change::Escalated => "franchi et sans accusé de réception",
            Change::Acknowledged => "pris en compte",
            Change::Resolved => "terminé",
            Change::Withdrawn => "annulé",
            Change::Closed => "clos",
        };
        let Told {
            name, period, when, ..
        } = told;
        format!("{at} : {name}, seuil « {when} » {what}, alors à {percent} ({period})")
    }

    fn corrects(&self, when: &str) -> String {
        format!("Ceci corrige un avis précédent ({when}). Il n'y a plus rien à faire à ce sujet.")
    }

    fn ends(&self, when: &str) -> String {
        format!("Ceci met fin à un avis précédent ({when}). Il n'y a plus rien à faire à ce sujet.")
    }

    fn reminder(&self, since: &str, hours: u32) -> String {
        format!(
            "Un rappel : l'alerte date du {since}, il y a {hours} heures, et personne n'en a accusé \
             réception."
        )
    }

    fn escalation(&self, since: &str, hours: u32) -> String {
        format!(
            "Vous recevez ceci parce que personne n'a accusé réception de l'alerte du {since}, \
             depuis {hours} heures."
        )
    }

    fn known_by(&self, by: &str, note: &str) -> String {
        match note {
            "" => format!("{by} est au courant."),
            note => format!("{by} est au courant : {note}"),
        }
    }

    fn period_over(&self, end: &str) -> String {
        format!("La période est terminée depuis le {end}.")
    }

    fn configured_anew(&self) -> &'static str {
        "La condition a été reconfigurée."
    }

    fn stale_figures(&self, days: &str) -> String {
        format!(
            "Les données sont plus anciennes que d'habitude ({days}) : la dépense réelle est \
             probablement plus élevée."
        )
    }

    fn forecast_held(&self) -> &'static str {
        "Les prévisions de ce budget ont été trop éloignées du réel : les seuils de prévision sont retenus."
    }

    fn also_crossed(&self, list: &str) -> String {
        format!("Également franchi : {list}.")
    }

    fn same_for(&self, list: &str) -> String {
        format!("Il en va de même pour : {list}.")
    }

    fn parts(&self, list: &str) -> String {
        format!("Parties qui font elles aussi l'objet d'une alerte : {list}.")
    }

    fn events(&self, list: &str) -> String {
        format!("Prévu à ce moment : {list}.")
    }

    fn made_up_by(&self, by: &Aspect, list: &str) -> String {
        let by = match by {
            Aspect::Dimension(Dimension::ResourceGroupName) => "groupe de ressources".to_owned(),
            Aspect::Dimension(Dimension::SubAccountId) => "abonnement".to_owned(),
            Aspect::Dimension(dimension) => dimension.to_string(),
            Aspect::Tag(name) => format!("étiquette {name}"),
        };
        format!("Par {by} : {list}.")
    }

    fn not_judged_after(&self, day: &str) -> String {
        format!("Les jours après le {day} peuvent encore changer et ne sont pas encore jugés.")
    }

    fn subject_of(&self, change: Change, subject: &str) -> String {
        match change {
            Change::Reminded => format!("rappel : {subject}"),
            Change::Escalated => format!("sans accusé de réception : {subject}"),
            Change::Acknowledged => format!("pris en compte : {subject}"),
            Change::Closed => format!("clos : {subject}"),
            Change::Fired | Change::Resolved | Change::Withdrawn => subject.to_owned(),
        }
    }

    fn used_subject(&self, told: &Told<'_>, percent: &str, planned: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} à {percent} de {planned} ({period}, données au {data_to})")
    }

    fn used(&self, told: &Told<'_>, spent: &str, planned: &str, percent: &str) -> String {
        let Told { name, when, .. } = told;
        format!("{name} a dépensé {spent} sur {planned} ({percent}) - seuil : {when}")
    }

    fn heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        let Likely { level, chance, .. } = likely;
        format!(
            "{name} en route vers {level} ({period}, probabilité {chance}, données au {data_to})"
        )
    }

    fn heading(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name, period, when, ..
        } = told;
        let Likely {
            level,
            chance,
            required,
        } = likely;
        format!(
            "{name} devrait atteindre {level} (période : {period}), probabilité : {chance} - seuil : \
             {when}, signalé à partir de {required}"
        )
    }

    fn ahead_subject(&self, told: &Told<'_>, percent: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} à {percent} du rythme prévu ({period}, données au {data_to})")
    }

    fn ahead(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} est en avance sur le plan : {spent} dépensés, {expected} prévus à ce jour \
             ({percent}) - seuil : {when}"
        )
    }

    fn unusual_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, data_to, .. } = told;
        let Unusual { span, whole, .. } = unusual;
        let more = more(unusual.side);
        format!("{name} {whole} {more} que prévu {span} (données au {data_to})")
    }

    fn unusual(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, when, .. } = told;
        let Unusual {
            span,
            impact,
            expected,
            ..
        } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        format!(
            "{name} : {what} {span} : {impact} {more} que les {expected} attendus - seuil : {when}"
        )
    }

    fn unusual_over_subject(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Unusual { span, whole, .. } = unusual;
        let (name, more) = (told.name, more(unusual.side));
        format!("{name} : coûts inhabituels terminés ({whole} {more} que prévu {span})")
    }

    fn unusual_over(&self, told: &Told<'_>, unusual: &Unusual<'_>) -> String {
        let Told { name, when, .. } = told;
        let Unusual {
            span,
            impact,
            expected,
            ..
        } = unusual;
        let (what, more) = (what(unusual.kind), more(unusual.side));
        let after = match unusual.kind.passes() {
            true => "les coûts sont de nouveau comme prévu",
            false => "ce qui en reste est désormais ce qui est attendu",
        };
        format!(
            "Terminé : {name} : {what} {span}, {impact} {more} que les {expected} attendus ; {after} - seuil : {when}"
        )
    }

    fn not_unusual_subject(&self, told: &Told<'_>, first: &str) -> String {
        let name = told.name;
        format!("correction : {name} n'avait pas de coûts inhabituels vers le {first}")
    }

    fn not_unusual(&self, told: &Told<'_>, first: &str, level: &str, left: Option<&str>) -> String {
        let Told { name, when, .. } = told;
        let left = left.map(|left| format!(" (il en reste {left})"));
        let left = left.unwrap_or_default();
        format!(
            "Correction : d'après les données actuelles, {name} n'avait pas de coûts inhabituels de {level} vers le {first}{left} - seuil : {when}"
        )
    }

    fn no_data_subject(&self, told: &Told<'_>) -> String {
        format!(
            "{} : pas de données de coût depuis le {}",
            told.name, told.data_to
        )
    }

    fn no_data(&self, told: &Told<'_>, age: &str, allowed: &str) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!(
            "{name} n'a plus de données de coût depuis le {data_to}, il y a {age} ; au-delà de \
             {allowed}, c'est trop ancien - seuil : {when}"
        )
    }

    fn correction_subject(&self, told: &Told<'_>, level: &str) -> String {
        format!("correction : {} de nouveau sous {level}", told.name)
    }

    fn restated(&self, told: &Told<'_>, level: &str, spent: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Correction : {name} est de nouveau sous {level}. Le fournisseur a rectifié ses coûts ; \
             la dépense à ce jour est de {spent} - seuil : {when}"
        )
    }

    fn plan_changed(&self, told: &Told<'_>, level: &str, before: &str, now: &str) -> String {
        let Told { name, when, .. } = told;
        format!(
            "Correction : {name} est maintenant sous {level}. Le montant prévu est passé de {before} \
             à {now} - seuil : {when}"
        )
    }

    fn no_longer_heading_subject(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        let Likely { level, chance, .. } = likely;
        format!(
            "{name} de nouveau sous {level} ({period}, probabilité {chance}, données au {data_to})"
        )
    }

    fn no_longer_heading(&self, told: &Told<'_>, likely: &Likely<'_>) -> String {
        let Told {
            name, period, when, ..
        } = told;
        let Likely {
            level,
            chance,
            required,
        } = likely;
        format!(
            "{name} ne devrait plus atteindre {level} (période : {period}) : probabilité {chance}, \
             signalé à partir de {required} - seuil : {when}"
        )
    }

    fn on_plan_subject(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} de nouveau conforme au plan ({period}, données au {data_to})")
    }

    fn on_plan(&self, told: &Told<'_>, paced: &Paced<'_>) -> String {
        let Told { name, when, .. } = told;
        let Paced {
            spent,
            expected,
            percent,
        } = paced;
        format!(
            "{name} n'est plus en avance sur le plan : {spent} dépensés, {expected} prévus à ce jour \
             ({percent}) - seuil : {when}"
        )
    }

    fn data_again_subject(&self, told: &Told<'_>) -> String {
        format!("{} : les données de coût arrivent de nouveau", told.name)
    }

    fn data_again(&self, told: &Told<'_>) -> String {
        let Told {
            name,
            when,
            data_to,
            ..
        } = told;
        format!("{name} a de nouveau des données de coût, jusqu'au {data_to} - seuil : {when}")
    }

    fn still_heading_subject(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name,
            period,
            data_to,
            ..
        } = told;
        format!("{name} attendu à {mean} sur {planned} ({period}, données au {data_to})")
    }

    fn still_heading(&self, told: &Told<'_>, mean: &str, planned: &str) -> String {
        let Told {
            name, period, when, ..
        } = told;
        format!(
            "{name} devrait terminer à {mean} (période : {period}), pour {planned} prévus - seuil : \
             {when}"
        )
    }

    fn of_planned(&self, spent: &str, planned: &str, percent: &str) -> String {
        format!("{spent} sur {planned} ({percent})")
    }

    fn not_known(&self, planned: &str) -> String {
        format!("inconnu : pas encore de données pour cette période ; prévu {planned}")
    }

    fn over_by(&self, amount: &str) -> String {
        format!("rien ; dépassé de {amount}")
    }

    fn keeps_on_budget(&self, remaining: &str, allowance: &str) -> String {
        format!("{remaining} ({allowance} par jour pour rester dans le budget)")
    }

    fn day_of(&self, period: &str, day: u32, days: u32) -> String {
        format!("{period}, jour {day} sur {days}")
    }

    fn pace(&self, percent: &str, expected: &str) -> String {
        format!("{percent} des {expected} prévus à ce jour")
    }

    fn unusual_days(&self, days: &str, unusual: &Unusual<'_>) -> String {
        let Unusual {
            span,
            cost,
            expected,
            ..
        } = unusual;
        format!("{days} {span} : {cost} au lieu de {expected}")
    }

    fn expected(&self, expected: &Expected<'_>) -> String {
        let Expected { mean, low, high } = expected;
        format!("{mean} (entre {low} et {high} à 80\u{202f}%)")
    }

    fn chance(&self, chance: &str) -> String {
        format!(" ; probabilité d'atteindre le montant prévu : {chance}")
    }

    fn most_likely_on(&self, day: &str, range: Option<(&str, &str)>) -> String {
        match range {
            Some((first, last)) => {
                format!(", le plus probablement le {day} (entre le {first} et le {last})")
            }
            None => format!(", le plus probablement le {day}"),
        }
    }

    fn reached_on(&self, day: &str) -> String {
        format!(" ; le montant prévu a été atteint le {day}")
    }

    fn few_days(&self, days: u32, weekdays_of: Option<&str>) -> String {
        let days = match days {
            1 => "1 seul jour définitif".to_owned(),
            days => format!("{days} jours définitifs seulement"),
        };
        let week = weekdays_of.map(|budget| format!(" et les jours de semaine de {budget}"));
        format!(" ; elle repose sur {days}{}", week.unwrap_or_default())
    }

    fn scored(&self, periods: u32, error: &str, covered: u32) -> String {
        format!(
            " ; sur les {periods} dernières périodes, ces prévisions s'écartaient de {error}, et \
             {covered} totaux sur {periods} étaient dans la fourchette"
        )
    }

    fn no_forecast(&self, why: &NoForecast<'_>) -> String {
        match why {
            NoForecast::Stale => "aucune : les données sont trop anciennes".into(),
            NoForecast::Over => "aucune : la période est terminée".into(),
            NoForecast::Other(why) => format!("aucune ({why})"),
        }
    }

    fn up_to(&self, day: &str) -> String {
        format!("jusqu'au {day}")
    }

    fn all_may_change(&self) -> &'static str {
        " ; tout peut encore changer"
    }

    fn may_change_after(&self, day: &str) -> String {
        format!(" ; les jours après le {day} peuvent encore changer")
    }

    fn settled(&self) -> &'static str {
        ", définitives"
    }

    fn stale(&self, days: &str) -> String {
        format!(". Anciennes de {days}")
    }

    fn written(&self, at: &str) -> String {
        format!(" (écrites le {at})")
    }

    fn skipped_rows(&self, rows: u64) -> String {
        match rows {
            1 => ". 1 ligne n'a pas pu être lue, et son coût manque".to_owned(),
            rows => format!(". {rows} lignes n'ont pas pu être lues, et leur coût manque"),
        }
    }

    fn moved_title(&self, total: &str, earlier: &str) -> String {
        format!("Ce qui a changé : {total} par rapport à la période {earlier}")
    }

    fn spent_on_title(&self, total: &str) -> String {
        format!("En quoi consistent les dépenses : {total} (pas de période antérieure à comparer)")
    }

    fn made_up_title(&self, impact: &str) -> String {
        format!(
            "Ce qui l'explique : {impact} par rapport aux mêmes jours des quatre semaines précédentes"
        )
    }

    fn check_source(&self) -> &'static str {
        "Vérifiez l'export ou les autorisations de la source des coûts ; tant que les données \
         n'arrivent pas, on ne sait rien des jours suivants."
    }

    fn ask(&self, ask: &Ask<'_>) -> String {
        let or = "ou modifiez le montant prévu.";
        let question = match &ask.about {
            Some(About {
                service,
                by,
                is_new: true,
            }) => format!("pourquoi {service} s'est ajouté pour {by}"),
            Some(About { service, by, .. }) => format!("pourquoi {service} a augmenté de {by}"),
            None => "si cette dépense est attendue".to_owned(),
        };
        match ask.owner {
            Some(owner) => format!("Demandez à {owner} {question} ; {or}"),
            None => format!("Déterminez {question} ; {or}"),
        }
    }

    fn ask_unusual(&self, owner: Option<&str>, service: Option<&str>, command: &str) -> String {
        let who = match owner {
            Some(owner) => format!("Demandez à {owner}"),
            None => "Déterminez".to_owned(),
        };
        let service = service.map(|service| format!(", surtout pour {service}"));
        let service = service.unwrap_or_default();
        format!("{who} si c'est voulu{service}. Détails : {command}")
    }

    fn again(&self, again: &Again<'_>) -> String {
        match again {
            Again::OnCrossing => {
                "Cet avis reviendra si le seuil est de nouveau franchi pendant cette période.".into()
            }
            Again::OnEveryChange => {
                "Les endroits qui affichent l'état des alertes reçoivent chaque changement.".into()
            }
            Again::UntilAcknowledged => {
                "Cet avis revient jusqu'à ce que quelqu'un en accuse réception, ou que ce soit terminé."
                    .into()
            }
            Again::Once => "Cet avis ne vient qu'une fois.".into(),
            Again::OnStop(follow_up) => format!(
                "{} une fois ; et de nouveau si les données reviennent puis cessent encore.",
                it_comes(*follow_up)
            ),
            Again::OncePerEvent(follow_up) => format!(
                "{} une fois par événement, et encore une fois quand il est terminé.",
                it_comes(*follow_up)
            ),
            Again::AtNextStep(follow_up, next) => format!(
                "{} une fois par palier ; de nouveau au palier suivant, puis à partir du {next}.",
                it_comes(*follow_up)
            ),
            Again::AtHigherThreshold(follow_up, next) => format!(
                "{} une fois par période ; de nouveau à un seuil plus élevé, puis à partir du {next}.",
                it_comes(*follow_up)
            ),
        }
    }

    fn because(&self, because: &Because) -> String {
        match because {
            Because::Sample => {
                "Ceci est un exemple ; rien de tout cela ne s'est produit.".to_owned()
            }
            Because::Several => {
                "Vous recevez ceci parce que plusieurs seuils vous avertissent en même temps."
                    .to_owned()
            }
            Because::OwnerByTag { budget } => format!(
                "Vous recevez ceci parce qu'une étiquette des ressources de {budget} vous désigne comme \
                 responsable."
            ),
            Because::Named { budget } => {
                format!("Vous recevez ceci parce que la configuration vous désigne pour {budget}.")
            }
            Because::Destination {
                budget,
                destination,
            } => format!(
                "Vous recevez ceci parce que les seuils de {budget} désignent {destination}."
            ),
            Because::Digest {
                destination: Some(destination),
            } => format!("Vous recevez ceci parce que le résumé désigne {destination}."),
            Because::Digest { destination: None } => "Vous recevez ceci en tant que responsable de budgets ou parce que le résumé vous désigne.".to_owned(),
            Because::Fallback { destination } => format!(
                "Vous recevez ceci parce que personne d'autre ne le recevrait ; {destination} sert de \
                 secours."
            ),
        }
    }

    fn footer(&self, delivery: &str) -> String {
        format!("spendwatch, envoi {delivery}")
    }

    fn chart_title(&self) -> &'static str {
        "Évolution de la période"
    }

    fn chart_alt(&self, charted: &Charted<'_>) -> String {
        let Charted {
            name,
            period,
            spent,
            data_to,
            planned,
            expected,
        } = charted;
        let mut text = format!(
            "Graphique de {name} (période : {period}) : {spent} dépensés au {data_to}, sur {planned} \
             prévus"
        );
        if let Some(Expected { mean, low, high }) = expected {
            text.push_str(&format!(
                " ; total attendu de {mean}, entre {low} et {high}"
            ));
        }
        text + "."
    }

    fn legend_spent(&self, spent: &str) -> String {
        format!("dépensé : {spent}")
    }

    fn legend_planned(&self, planned: &str) -> String {
        format!("plan, jusqu'à {planned}")
    }

    fn legend_forecast(&self, expected: &str) -> String {
        format!("prévision : {expected}")
    }

    fn legend_bars(&self, days: u32) -> String {
        match days {
            1 => "chaque jour ; les plus clairs peuvent encore changer".to_owned(),
            days => format!("tous les {days} jours ; les plus clairs peuvent encore changer"),
        }
    }
}

/// What happened, as a name for it.
fn what(kind: AnomalyKind) -> &'static str {
    match kind {
        AnomalyKind::Spike => "pic de coûts",
        AnomalyKind::Step => "coûts à un nouveau niveau",
        AnomalyKind::Ramp => "coûts qui montent",
        AnomalyKind::Drop => "coûts en baisse",
        AnomalyKind::WeekendNotResting => "week-end aussi coûteux que les jours ouvrés",
        AnomalyKind::NewCost => "nouveaux coûts",
        AnomalyKind::StoppedCost => "coûts arrêtés",
    }
}

fn more(side: Side) -> &'static str {
    match side {
        Side::Rise => "de plus",
        Side::Drop => "de moins",
    }
}

/// What happens while nobody acknowledges it, and the beginning of a sentence on when it comes besides.
fn it_comes(follow_up: FollowUp) -> String {
    let every = |hours: u32| match hours {
        1 => "toutes les heures".to_owned(),
        _ => format!("toutes les {hours} heures"),
    };
    let after = |hours: u32| match hours {
        1 => "une heure".to_owned(),
        _ => format!("{hours} heures"),
    };
    match (follow_up.remind_every_hours, follow_up.escalate_after_hours) {
        (Some(again), Some(told)) => format!(
            "Tant que personne n'en accuse réception, cet avis revient {} ; après {}, d'autres personnes \
             sont prévenues. À part cela, cet avis vient",
            every(again),
            after(told)
        ),
        (Some(again), None) => format!(
            "Tant que personne n'en accuse réception, cet avis revient {}. À part cela, cet avis vient",
            every(again)
        ),
        (None, Some(told)) => format!(
            "Si personne n'en accuse réception, d'autres personnes sont prévenues après {}. Cet avis \
             vient",
            after(told)
        ),
        (None, None) => "Cet avis vient".to_owned(),
    }
}
