//! What the days so far have taught, read one day at a time.

use jiff::civil::Date;

use super::{
    Kind, NewLevel,
    calendar::days_since_same_day,
    judge::{DAY_SIGMAS, Evidence, Judged, Question, Shift, Weekend, is_like_weekday, judge},
    noise::{MAD_TO_SIGMA, Noise},
    profile::weekday_profile,
    sorted::{mean, median, median_of},
};

/// Days of which nothing is expected: two weeks, for a first profile.
const FIRST_DAYS: usize = 14;
/// Settled days before the first that is judged.
const NEEDED_DAYS: usize = 28;
/// The month over which the level is compared.
const MONTH: usize = 28;
/// The level is the median of so many days: robust to three odd ones.
const LEVEL_DAYS: usize = 7;
/// Days of the history that are read: the newest week and the month before.
const LONGEST_OUTLOOK: usize = MONTH + LEVEL_DAYS;
/// Same weekdays that a day is compared with.
const WEEKS: usize = 8;

/// The least standard deviation, by share of the level, for series with less noise than matters. With
/// the limit of a day it makes every error below a fifth of the level usual.
const LEAST_SIGMA: f64 = 0.04;
/// The same of a weekend day.
const LEAST_WEEKEND_SIGMA: f64 = 0.02;
/// The same of eight weekdays, by share of their mean.
const LEAST_WEEKDAY_SIGMA: f64 = 0.01;
/// In place of a level or a deviation of nothing at all.
const NOTHING: f64 = 1e-9;

/// An earlier day had a charge if its error was so many standard deviations and share of the level.
const CHARGE_SIGMAS: f64 = 4.0;
const CHARGE_SHARE: f64 = 0.12;
/// Two charges are the same if the later has at least this share of the earlier.
const SAME_CHARGE: f64 = 0.5;

/// A day is odd, and teaches nothing, if its error is so many standard deviations and share.
const ODD_SIGMAS: f64 = 3.5;
const ODD_SHARE: f64 = 0.15;
/// An error of so many standard deviations counts as a burst.
const BURST_SIGMAS: f64 = 2.0;
/// How long bursts are remembered, ...
const BURST_DAYS: usize = 90;
/// ... how many days apart two of them are, at most, to be one, ...
const BURST_GAP: usize = 2;
/// ... and from which age they count: younger ones are the event itself.
const BURST_AGE: usize = 4;

/// Odd days to one side until their cost is the new level, where one of them was unusual, ...
const DAYS_TO_ACCEPT: usize = 4;
/// ... and where none was.
const DAYS_TO_ACCEPT_QUIETLY: usize = 6;
/// An event on its third day is called a step.
const STEP_DAYS: usize = 3;
/// An event has ended after so many days that are not odd.
const DAYS_TO_END: usize = 2;
/// How long the echo of an event lasts, ...
const ECHO_DAYS: usize = 10;
/// ... and how long one may go on that has become the new level.
const LASTING_DAYS: usize = 14;
/// What is off by more than so many times what the event before has moved is another event.
const MORE_OF_THE_SAME: f64 = 2.0;
/// How much of the past is lifted to a new level: more than anything looks back on.
const LIFTED_DAYS: usize = 60;
/// After a weekend that did not rest, four weeks in which none is asked to.
const WEEKEND_PAUSE: usize = 30;
/// Share of the level by which weekdays cost more than a weekend day that rests.
const RESTING_GAP: f64 = 0.15;

/// The days so far, and what they say of the next.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    settled: usize,
    /// What each day cost, if known.
    costs: Vec<Option<f64>>,
    /// The history from which days are expected: without spikes and charges, lifted to new levels.
    base: Vec<f64>,
    /// What each day was expected to cost, without charges.
    expected: Vec<f64>,
    /// Cost minus `expected`, 0 if not known.
    errors: Vec<f64>,
    /// The same without charges.
    off: Vec<f64>,
    /// The same where it was noise.
    noise: Vec<Option<f64>>,
    day_noise: Noise,
    three_noise: Noise,
    climb_noise: Noise,
    bursts: Vec<Burst>,
    run: Option<Run>,
    lasting: Option<Lasting>,
    echo_until: usize,
    weekends_rest_from: usize,
}

/// An error out of the ordinary.
#[derive(Clone, Copy, Debug)]
struct Burst {
    newest_day: usize,
    size: f64,
}

/// Odd days to one side, so far.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: usize,
    last: usize,
    days: usize,
    is_up: bool,
    /// Its first unusual day.
    unusual_since: Option<Date>,
}

/// An event that has become the new level, for as long as it may go on.
#[derive(Clone, Copy, Debug)]
struct Lasting {
    /// Its first unusual day; `None` if there was none yet.
    since: Option<Date>,
    /// How much the level has moved since it began.
    by: f64,
    until: usize,
}

/// What can be said of a day before its cost is looked at, and what its cost adds to that.
struct Outlook {
    profile: [f64; 7],
    /// The newest days of the history without their profile, the first `count` of the list.
    newest: [f64; LONGEST_OUTLOOK],
    count: usize,
    /// Expected cost, without a charge.
    expected: f64,
    /// Size of a usual day.
    level: f64,
    sigma: f64,
}

/// A charge that is expected of a day, and the day it was seen on.
#[derive(Clone, Copy)]
struct Charge {
    seen: usize,
    amount: f64,
}

impl Watch {
    /// Nothing is known yet; `days` are to come.
    pub(crate) fn new(days: usize) -> Self {
        Self {
            settled: 0,
            costs: Vec::with_capacity(days),
            base: Vec::with_capacity(days),
            expected: Vec::with_capacity(days),
            errors: Vec::with_capacity(days),
            off: Vec::with_capacity(days),
            noise: Vec::with_capacity(days),
            day_noise: Noise::default(),
            three_noise: Noise::default(),
            climb_noise: Noise::default(),
            bursts: Vec::new(),
            run: None,
            lasting: None,
            echo_until: 0,
            weekends_rest_from: 0,
        }
    }

    /// Judges the next day, which is `date`, and learns from it. `None` if its cost is not known, or
    /// too few days came before. On a day that `may_rest` a cost below the expected one is usual, and
    /// teaches nothing.
    pub(crate) fn next(&mut self, date: Date, cost: Option<f64>, may_rest: bool) -> Option<Judged> {
        if self.costs.is_empty() && cost.is_none() {
            return None;
        }
        let answer = if self.costs.len() < FIRST_DAYS {
            let cost = cost.or(self.base.last().copied()).unwrap_or_default();
            self.remember(cost, cost, 0.0, 0.0, None);
            None
        } else {
            let outlook = self.outlook();
            if let Some(rested) = cost.filter(|cost| may_rest && *cost < outlook.expected) {
                self.remember(outlook.expected, outlook.expected, 0.0, 0.0, None);
                self.climb_noise.push(None);
                self.costs.push(None);
                self.settled += 1;
                return (self.settled > NEEDED_DAYS).then(|| Judged::usual(rested, outlook.sigma));
            }
            if let Some(cost) = cost {
                self.read(date, cost, &outlook)
            } else {
                self.remember(outlook.expected, outlook.expected, 0.0, 0.0, None);
                self.climb_noise.push(None);
                None
            }
        };
        self.settled += usize::from(cost.is_some());
        self.costs.push(cost);
        answer
    }

    fn outlook(&self) -> Outlook {
        let today = self.base.len();
        let profile = weekday_profile(&self.base);
        let count = today.min(LONGEST_OUTLOOK);
        let mut newest = [0.0; LONGEST_OUTLOOK];
        for (place, at) in (today - count..today).enumerate() {
            newest[place] = self.base[at] - profile[at % 7];
        }
        let month = self.costs.iter().rev().take(MONTH).flatten();
        let (sum, days) = month.fold((0.0, 0), |(sum, days), cost| (sum + cost.abs(), days + 1));
        let level = (sum / f64::from(days.max(1))).max(NOTHING);
        Outlook {
            expected: median_of(&newest[count - LEVEL_DAYS..count]) + profile[today % 7],
            profile,
            newest,
            count,
            level,
            sigma: sigma_of(&self.day_noise, level),
        }
    }

    /// Judges a day with a known cost, and learns from it.
    fn read(&mut self, date: Date, cost: f64, outlook: &Outlook) -> Option<Judged> {
        let today = self.base.len();
        let error = cost - outlook.expected;
        let charge = self.charge_on(date, error, outlook);
        let amount = charge.map_or(0.0, |charge| charge.amount);
        let off = error - amount;
        let climb = climb(outlook, off);
        let evidence = Evidence {
            off,
            level: outlook.level,
            sigma: outlook.sigma,
            three: self.three(off, outlook),
            climb: climb
                .filter(|climb| climb.is_on_its_way)
                .map(|climb| Shift {
                    size: climb.size,
                    sigma: sigma_of(&self.climb_noise, outlook.level),
                }),
            weekday_sigmas: self.weekday_sigmas(cost - amount),
            burst: self.usual_burst(off),
            weekend: self.weekend(date, cost - amount, outlook),
            is_echo: today < self.echo_until,
        };
        let is_judged = self.settled >= NEEDED_DAYS;
        let (score, question) = if is_judged {
            judge(&evidence)
        } else {
            (0.0, Question::Day)
        };
        let is_unusual = score > 1.0;
        let new_level = self.lasting_on(date, off, is_unusual);
        let answer = is_judged.then(|| Judged {
            expected: amount
                + match (question, climb) {
                    (Question::Climb, Some(climb)) => cost - amount - climb.distance,
                    _ => outlook.expected,
                },
            sigma: outlook.sigma,
            score,
            // A sudden day is no climb, whatever else can be said of it.
            kind: match question {
                Question::Climb if off.abs() > DAY_SIGMAS * outlook.sigma => {
                    self.kind(cost, off, Question::Day)
                }
                // The more regular a series is, the more sudden such a day looks.
                Question::Day if is_like_weekday(&evidence) => {
                    self.kind(cost, off, Question::Weekend)
                }
                question => self.kind(cost, off, question),
            },
            new_level,
        });

        let is_odd = off.abs() > (ODD_SIGMAS * outlook.sigma).max(ODD_SHARE * outlook.level);
        self.note_burst(off, outlook, charge);
        self.pause_weekends(date, off, outlook, is_unusual);
        let kept = if is_unusual || is_odd {
            outlook.expected
        } else {
            cost - amount
        };
        let noise = (!(is_unusual || is_odd || charge.is_some())).then_some(off);
        self.remember(kept, outlook.expected, error, off, noise);
        let is_climb = is_unusual && question == Question::Climb;
        self.climb_noise
            .push(climb.map(|climb| climb.size).filter(|_| !is_climb));
        self.follow_run(date, cost, off, is_unusual, is_odd);
        if is_climb && !is_odd {
            self.accept_climb(date, outlook);
        }
        answer
    }

    fn remember(&mut self, base: f64, expected: f64, error: f64, off: f64, noise: Option<f64>) {
        let newest = |back: usize| self.noise.iter().rev().nth(back).copied().flatten();
        let before = newest(0).unwrap_or_default() + newest(1).unwrap_or_default();
        self.three_noise
            .push(noise.map(|noise| (noise + before) / 3.0));
        self.day_noise.push(noise);
        self.base.push(base);
        self.expected.push(expected);
        self.errors.push(error);
        self.off.push(off);
        self.noise.push(noise);
    }

    /// A charge that came on the same day of one of the last two months, if it explains `error`.
    fn charge_on(&self, date: Date, error: f64, outlook: &Outlook) -> Option<Charge> {
        let least = (CHARGE_SIGMAS * outlook.sigma).max(CHARGE_SHARE * outlook.level);
        if error.abs() <= SAME_CHARGE * least {
            return None;
        }
        let seen = |days: usize| {
            let seen = self.errors.len().checked_sub(days)?;
            let amount = self.errors[seen];
            (amount.abs() > least).then_some(Charge { seen, amount })
        };
        let charge = days_since_same_day(date).find_map(seen)?;
        let is_same = error / charge.amount > SAME_CHARGE;
        is_same.then_some(charge)
    }

    fn three(&self, off: f64, outlook: &Outlook) -> Option<Shift> {
        let [.., before, yesterday] = *self.off.as_slice() else {
            return None;
        };
        if before * off <= 0.0 || yesterday * off <= 0.0 {
            return None;
        }
        Some(Shift {
            size: (before + yesterday + off) / 3.0,
            sigma: sigma_of(&self.three_noise, outlook.level),
        })
    }

    /// Distance of `cost` from the mean of the same weekdays, in their standard deviations; 0 if
    /// less than three of eight are known.
    fn weekday_sigmas(&self, cost: f64) -> f64 {
        let (mut days, mut sum) = (0.0, 0.0);
        self.same_weekdays().for_each(|cost| {
            days += 1.0;
            sum += cost;
        });
        if days < 3.0 {
            return 0.0;
        }
        let mean = sum / days;
        let squares: f64 = self.same_weekdays().map(|cost| (cost - mean).powi(2)).sum();
        let sigma = (squares / (days - 1.0)).sqrt();
        (cost - mean) / sigma.max(LEAST_WEEKDAY_SIGMA * mean.abs()).max(NOTHING)
    }

    /// What the same weekdays of eight weeks cost.
    fn same_weekdays(&self) -> impl Iterator<Item = f64> {
        let weeks = self.costs.iter().rev().skip(6).step_by(7);
        weeks.take(WEEKS).flatten().copied()
    }

    /// The second largest burst of a quarter to the side of `off`; 0 if there are less than two.
    fn usual_burst(&self, off: f64) -> f64 {
        let today = self.base.len();
        let (mut largest, mut second) = (0.0, 0.0);
        for burst in self.bursts.iter().rev() {
            let age = today - burst.newest_day;
            if age > BURST_DAYS {
                break;
            }
            if age < BURST_AGE || burst.size * off <= 0.0 {
                continue;
            }
            let size = burst.size.abs();
            if size > largest {
                (largest, second) = (size, largest);
            } else if size > second {
                second = size;
            }
        }
        second
    }

    /// What a weekday would cost, if weekends rest and this one costs more than any of eight weeks.
    fn weekend(&self, date: Date, cost: f64, outlook: &Outlook) -> Option<Weekend> {
        let today = self.base.len();
        if today < self.weekends_rest_from || self.same_weekdays().any(|other| other >= cost) {
            return None;
        }
        let gap = gap_to_weekdays(date, today, &outlook.profile)?;
        if gap <= RESTING_GAP * outlook.level {
            return None;
        }
        let same = self.noise.iter().rev().skip(6).step_by(7).take(WEEKS);
        let mut sizes: Vec<f64> = same.flatten().map(|error| error.abs()).collect();
        let sigma = MAD_TO_SIGMA * median(&mut sizes);
        Some(Weekend {
            gap,
            sigma: sigma.max(LEAST_WEEKEND_SIGMA * outlook.level),
        })
    }

    fn kind(&self, cost: f64, off: f64, question: Question) -> Kind {
        let month = || self.costs.iter().rev().take(MONTH).flatten();
        let lasts = self.run.is_some_and(|run| run.days + 1 >= STEP_DAYS);
        if cost > 0.0 && month().all(|&cost| cost == 0.0) {
            Kind::NewCost
        } else if cost == 0.0 && month().all(|&cost| cost > 0.0) {
            Kind::StoppedCost
        } else if question == Question::Weekend {
            Kind::WeekendNotResting
        } else if off < 0.0 {
            Kind::Drop
        } else if question == Question::Climb {
            Kind::Ramp
        } else if question == Question::Three || lasts {
            Kind::Step
        } else {
            Kind::Spike
        }
    }

    /// Remembers what is out of the ordinary. A charge is not; nor was its first, now that it recurs.
    fn note_burst(&mut self, off: f64, outlook: &Outlook, charge: Option<Charge>) {
        let today = self.base.len();
        if let Some(charge) = charge {
            let is_near = |burst: &Burst| burst.newest_day.abs_diff(charge.seen) <= 1;
            self.bursts.retain(|burst| !is_near(burst));
            return;
        }
        if off.abs() <= BURST_SIGMAS * outlook.sigma {
            return;
        }
        match self.bursts.last_mut() {
            Some(last) if today - last.newest_day <= BURST_GAP && last.size * off > 0.0 => {
                last.newest_day = today;
                if off.abs() > last.size.abs() {
                    last.size = off;
                }
            }
            _ => self.bursts.push(Burst {
                newest_day: today,
                size: off,
            }),
        }
    }

    /// Weekends that were found not to rest are one event, however long they go on.
    fn pause_weekends(&mut self, date: Date, off: f64, outlook: &Outlook, is_unusual: bool) {
        let today = self.base.len();
        let Some(gap) = gap_to_weekdays(date, today, &outlook.profile) else {
            return;
        };
        let way = off / gap;
        let is_like_weekday = gap > RESTING_GAP * outlook.level && way > 0.5 && way < 1.5;
        if is_unusual && is_like_weekday {
            self.weekends_rest_from = today + WEEKEND_PAUSE;
        }
    }

    /// Follows an event until it is over, or has become the new level. The day is already remembered.
    fn follow_run(&mut self, date: Date, cost: f64, off: f64, is_unusual: bool, is_odd: bool) {
        let today = self.base.len() - 1;
        let is_up = off > 0.0;
        let unusual_since = is_unusual.then_some(date);
        match &mut self.run {
            Some(run) if (is_odd || is_unusual) && run.is_up == is_up => {
                run.days += 1;
                run.last = today;
                run.unusual_since = run.unusual_since.or(unusual_since);
            }
            Some(run) if today - run.last >= DAYS_TO_END => {
                self.run = None;
                self.echo_until = today + ECHO_DAYS;
            }
            None if is_odd || is_unusual => {
                self.run = Some(Run {
                    first: today,
                    last: today,
                    days: 1,
                    is_up,
                    unusual_since,
                });
            }
            _ => {}
        }
        if let Some(run) = self.run.filter(Run::is_new_level) {
            self.accept_run(run, cost);
        }
    }

    /// Takes the costs of a run for the new level, and lifts the past to it.
    fn accept_run(&mut self, run: Run, cost_today: f64) {
        let today = self.base.len() - 1;
        // The cost of today is not in the list of costs yet.
        let cost_of = |at: usize| self.costs.get(at).copied().unwrap_or(Some(cost_today));
        let costs: Vec<(usize, f64)> = (run.first..=today)
            .filter_map(|at| Some((at, cost_of(at)?)))
            .collect();
        let mut lifts: Vec<f64> = costs
            .iter()
            .map(|(at, cost)| cost - self.expected[*at])
            .collect();
        let lift = median(&mut lifts);
        for base in &mut self.base[run.first.saturating_sub(LIFTED_DAYS)..run.first] {
            *base += lift;
        }
        for (at, cost) in costs {
            self.base[at] = cost;
            // What follows is compared with the new level, and its first days are not held against it.
            self.off[at] -= lift;
        }
        self.run = None;
        self.echo_until = today + ECHO_DAYS;
        self.moved_by(lift, run.unusual_since, today);
    }

    /// Takes the newest three days of a climb for the new level, and lifts the past to it.
    fn accept_climb(&mut self, date: Date, outlook: &Outlook) {
        let end = self.base.len();
        let newest = end - LEVEL_DAYS;
        let of_day = |at: usize| self.base[at] - outlook.profile[at % 7];
        let level = mean(&[of_day(end - 1), of_day(end - 2), of_day(end - 3)]);
        let lift = level - outlook.level_of_month();
        for base in &mut self.base[newest.saturating_sub(LIFTED_DAYS)..newest] {
            *base += lift;
        }
        for at in newest..end {
            self.base[at] = level + outlook.profile[at % 7];
            self.off[at] = 0.0;
        }
        self.run = None;
        self.echo_until = end - 1 + ECHO_DAYS;
        self.moved_by(lift, Some(date), end - 1);
    }

    /// Remembers that the level has moved, in an event that began with the unusual day `since`.
    fn moved_by(&mut self, lift: f64, since: Option<Date>, today: usize) {
        let before = self.lasting.filter(|lasting| lasting.is_more(lift));
        self.lasting = Some(Lasting {
            since: before.and_then(|before| before.since).or(since),
            by: before.map_or(0.0, |before| before.by) + lift,
            until: today + LASTING_DAYS,
        });
    }

    /// The new level that today belongs to, if an event that brought one may still go on.
    fn lasting_on(&mut self, date: Date, off: f64, is_unusual: bool) -> Option<NewLevel> {
        let today = self.base.len();
        let lasting = self.lasting.filter(|lasting| today <= lasting.until);
        // What goes back ends it, and what is far more is another.
        let lasting = lasting.filter(|lasting| !is_unusual || lasting.by * off > 0.0);
        self.lasting = lasting;
        let mut lasting = lasting.filter(|lasting| !is_unusual || lasting.is_more(off))?;
        if is_unusual {
            lasting.since = lasting.since.or(Some(date));
            lasting.until = today + LASTING_DAYS;
            self.lasting = Some(lasting);
        }
        Some(NewLevel {
            since: lasting.since?,
            by: lasting.by,
        })
    }
}

/// The standard deviation of a statistic, and a share of the level at least.
fn sigma_of(noise: &Noise, level: f64) -> f64 {
    let sigma = noise.sigma().unwrap_or_default();
    sigma.max(LEAST_SIGMA * level)
}

impl Run {
    fn is_new_level(&self) -> bool {
        let needed = if self.unusual_since.is_some() {
            DAYS_TO_ACCEPT
        } else {
            DAYS_TO_ACCEPT_QUIETLY
        };
        self.days >= needed
    }
}

impl Lasting {
    /// Whether what is `off` by so much goes on with it.
    fn is_more(&self, off: f64) -> bool {
        self.by * off > 0.0 && off.abs() <= MORE_OF_THE_SAME * self.by.abs()
    }
}

/// How the newest days compare with the month before.
#[derive(Clone, Copy)]
struct Climb {
    /// Mean of the newest four days, without profile, less the level of the month before them.
    size: f64,
    /// The newest day less that level.
    distance: f64,
    /// Whether the three newest days are further that way than the three before, and those than theirs.
    is_on_its_way: bool,
}

/// Compares the newest days, of which today is `off` from what was expected; `None` in the first weeks.
fn climb(outlook: &Outlook, off: f64) -> Option<Climb> {
    let newest = outlook.newest();
    let days = newest.len();
    if days < 21 {
        return None;
    }
    let today = median_of(&newest[days - LEVEL_DAYS..]) + off;
    let month = outlook.level_of_month();
    let size = (newest[days - 3..].iter().sum::<f64>() + today) / 4.0 - month;
    let third = (newest[days - 2] + newest[days - 1] + today) / 3.0;
    let second = mean(&newest[days - 5..days - 2]);
    let first = mean(&newest[days - 8..days - 5]);
    Some(Climb {
        size,
        distance: today - month,
        is_on_its_way: (third - second) * size > 0.0 && (second - first) * size > 0.0,
    })
}

impl Outlook {
    fn newest(&self) -> &[f64] {
        &self.newest[..self.count]
    }

    /// The level of the month that ended a week ago.
    fn level_of_month(&self) -> f64 {
        let end = self.count.saturating_sub(LEVEL_DAYS);
        median_of(&self.newest[end.saturating_sub(MONTH)..end])
    }
}

/// What a weekday costs more than this day by the weekly profile; `None` if this is one itself.
fn gap_to_weekdays(date: Date, index: usize, profile: &[f64; 7]) -> Option<f64> {
    let weekday = usize::try_from(date.weekday().to_monday_zero_offset()).ok()?;
    if weekday < 5 {
        return None;
    }
    // Five weekdays ago or less, counted from a Friday.
    let friday = index + 7 - (weekday - 4);
    let weekdays: f64 = (0..5).map(|back| profile[(friday - back) % 7]).sum();
    Some(weekdays / 5.0 - profile[index % 7])
}
