//! A moment as HTTP writes it and as RFC 3339 writes it, both in UTC.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// As a `Date` header has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
pub(super) fn http(moment: SystemTime) -> String {
    let seconds = since_epoch(moment);
    let (year, month, day) = civil(seconds / DAY);
    let weekday = WEEKDAYS[(seconds / DAY % 7) as usize];
    let name = MONTHS[month as usize - 1];
    format!("{weekday}, {day:02} {name} {year} {} GMT", clock(seconds))
}

/// As RFC 3339 has it, to the second: `1994-11-06T08:49:37Z`.
pub(super) fn rfc3339(moment: SystemTime) -> String {
    let seconds = since_epoch(moment);
    let (year, month, day) = civil(seconds / DAY);
    format!("{year}-{month:02}-{day:02}T{}Z", clock(seconds))
}

/// A clock set before 1970 reads as 1970.
fn since_epoch(moment: SystemTime) -> u64 {
    moment
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| passed.as_secs())
}

fn clock(seconds: u64) -> String {
    let rest = seconds % DAY;
    format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Year, month 1 to 12 and day 1 to 31 of a day counted from 1970-01-01. Years are taken to begin in March, so
/// that the leap day is the last of its year and the lengths of months follow a line of slope 153/5.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // from 0000-03-01
    let era = shifted / 146_097; // 400 years
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_moment_is_written_as_http_and_rfc_3339_write_it() {
        assert_eq!(http(at(784_111_777)), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(rfc3339(at(784_111_777)), "1994-11-06T08:49:37Z");
        assert_eq!(http(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[test]
    fn leap_days_and_ends_of_years_fall_where_they_do() {
        assert_eq!(rfc3339(at(951_782_400)), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(at(951_868_800)), "2000-03-01T00:00:00Z");
        assert_eq!(rfc3339(at(1_735_689_599)), "2024-12-31T23:59:59Z");
        assert_eq!(rfc3339(at(1_735_689_600)), "2025-01-01T00:00:00Z");
        assert_eq!(rfc3339(at(4_107_542_400)), "2100-03-01T00:00:00Z");
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let mut last = civil(0);
        for day in 1..146_097 {
            let next = civil(day);
            let same_month = next == (last.0, last.1, last.2 + 1);
            let new_month = next == (last.0, last.1 + 1, 1) && last.2 >= 28;
            let new_year = next == (last.0 + 1, 1, 1) && (last.1, last.2) == (12, 31);
            assert!(
                same_month || new_month || new_year,
                "{last:?} then {next:?}"
            );
            last = next;
        }
    }

    #[test]
    fn a_clock_before_1970_does_not_panic() {
        assert_eq!(
            rfc3339(UNIX_EPOCH - Duration::from_secs(5)),
            "1970-01-01T00:00:00Z"
        );
    }
}
