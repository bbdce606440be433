//! Where the same day of earlier months lies.

use jiff::civil::Date;

/// How many days before `date` the same day of each of the last two months was, newest first.
///
/// The last day of a month is the same as the last day of another, and a day that a month does not
/// have is its last: the 31st of March is the 28th of February. Where both readings differ, both are
/// given.
pub(crate) fn days_since_same_day(date: Date) -> impl Iterator<Item = usize> {
    let mut month = date.first_of_month();
    let mut until_month = days(date.day()) - 1;
    let is_last = date.day() == date.days_in_month();
    (0..2).flat_map(move |_| {
        // The calendar begins in a month without one before; it has no costs either.
        month = month.yesterday().map_or(month, Date::first_of_month);
        let length = days(month.days_in_month());
        let day = days(date.day()).min(length);
        let same_number = until_month + length + 1 - day;
        let last = until_month + 1;
        until_month += length;
        let other = (is_last && last != same_number).then_some(last);
        [Some(same_number), other].into_iter().flatten()
    })
}

fn days(number: i8) -> usize {
    usize::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn check(of: Date, wanted: &[Date]) {
        let dates: Vec<Date> = days_since_same_day(of)
            .map(|days| of - jiff::Span::new().days(i64::try_from(days).expect("a few months")))
            .collect();
        assert_eq!(dates, wanted);
    }

    #[test]
    fn same_day_of_two_months() {
        check(date(2026, 3, 5), &[date(2026, 2, 5), date(2026, 1, 5)]);
        check(date(2026, 1, 1), &[date(2025, 12, 1), date(2025, 11, 1)]);
    }

    #[test]
    fn shorter_months_have_it_on_their_last_day() {
        check(date(2026, 3, 31), &[date(2026, 2, 28), date(2026, 1, 31)]);
        check(date(2026, 3, 30), &[date(2026, 2, 28), date(2026, 1, 30)]);
    }

    #[test]
    fn last_day_is_also_the_last_of_longer_months() {
        let wanted = [
            date(2026, 1, 28),
            date(2026, 1, 31),
            date(2025, 12, 28),
            date(2025, 12, 31),
        ];
        check(date(2026, 2, 28), &wanted);
    }
}
