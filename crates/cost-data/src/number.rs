//! Reads a cost from its digits, never through binary floating point.

#![deny(clippy::float_arithmetic)]

use rust_decimal::Decimal;

/// The largest number of decimals that a [`Decimal`] holds.
const MAX_SCALE: i32 = 28;
/// The largest mantissa that a [`Decimal`] holds.
const MAX_MANTISSA: u128 = (1 << 96) - 1;
/// Digits that surely fit an `u128`.
const MAX_DIGITS: u32 = 38;

/// Why a number with a comma is none.
pub(crate) const COMMA: &str = "has a comma, which may be a decimal comma or a thousands \
                                separator; costs are read with a decimal point only";

/// Reads `12`, `-0.5`, `+3.`, `.5`, `1.25E-05`.
///
/// Exact up to 28 significant digits and 28 decimals; what lies beyond is rounded once, half to
/// even. The error says what is wrong with the text.
pub(crate) fn parse(text: &[u8]) -> Result<Decimal, &'static str> {
    let text = text.trim_ascii();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let mut mantissa: u128 = 0;
    let mut significant = 0;
    let mut any_digit = false;
    let mut decimals: i32 = 0;
    let mut after_point = false;
    let mut exponent = 0;
    // The digits of almost every cost fit 64 bits, where a step is several times cheaper.
    let mut small: u64 = 0;
    let mut rest = digits;
    while let [byte, tail @ ..] = rest {
        match byte {
            b'0'..=b'9' => {
                any_digit = true;
                let digit = byte - b'0';
                significant += u32::from(significant > 0 || digit > 0);
                if significant <= 19 {
                    small = small * 10 + u64::from(digit);
                    mantissa = u128::from(small);
                } else if significant <= MAX_DIGITS {
                    mantissa = mantissa * 10 + u128::from(digit);
                } else {
                    return Err("has more than 38 digits");
                }
                decimals += i32::from(after_point);
            }
            b'.' if !after_point => after_point = true,
            b'e' | b'E' if any_digit => {
                exponent = parse_exponent(tail)?;
                break;
            }
            b',' => {
                return Err(COMMA);
            }
            _ => return Err("is not a number"),
        }
        rest = tail;
    }
    if text.is_empty() {
        return Err("is empty");
    }
    if !any_digit {
        return Err("is not a number");
    }
    decimal(mantissa, decimals - exponent, negative)
}

fn parse_exponent(text: &[u8]) -> Result<i32, &'static str> {
    let (sign, digits) = match text {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err("is not a number");
    }
    let size = digits.iter().fold(0_i32, |size, digit| {
        size.saturating_mul(10)
            .saturating_add(i32::from(digit - b'0'))
    });
    if size > 300 {
        return Err("has an exponent that no cost has");
    }
    Ok(sign * size)
}

/// `mantissa` divided by ten to the power of `scale`.
fn decimal(mut mantissa: u128, mut scale: i32, negative: bool) -> Result<Decimal, &'static str> {
    const TOO_LARGE: &str = "is too large";
    if mantissa == 0 {
        return Ok(Decimal::ZERO);
    }
    while scale < 0 {
        mantissa = mantissa.checked_mul(10).ok_or(TOO_LARGE)?;
        scale += 1;
    }
    // Digits that fall off: the last one, and whether any before it was not zero.
    let mut last = 0;
    let mut any_lost = false;
    while scale > MAX_SCALE || (mantissa > MAX_MANTISSA && scale > 0) {
        any_lost |= last != 0;
        last = mantissa % 10;
        mantissa /= 10;
        scale -= 1;
    }
    let is_odd = mantissa % 2 == 1;
    if last > 5 || (last == 5 && (any_lost || is_odd)) {
        mantissa += 1;
    }
    if mantissa > MAX_MANTISSA && scale > 0 {
        // Rounding up went past the largest mantissa, which ends in 6 now.
        mantissa = mantissa / 10 + 1;
        scale -= 1;
    }
    if mantissa > MAX_MANTISSA {
        return Err(TOO_LARGE);
    }
    let scale = u32::try_from(scale).map_err(|_| TOO_LARGE)?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the three parts of 96 bits are cut out on purpose"
    )]
    let parts = (
        mantissa as u32,
        (mantissa >> 32) as u32,
        (mantissa >> 64) as u32,
    );
    let is_negative = negative && mantissa != 0;
    Ok(Decimal::from_parts(
        parts.0,
        parts.1,
        parts.2,
        is_negative,
        scale,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_exact() {
        for (text, expected) in [
            ("0", "0"),
            ("-0", "0"),
            ("12", "12"),
            ("+12.50", "12.50"),
            ("-0.000000000000000001", "-0.000000000000000001"),
            (".5", "0.5"),
            ("3.", "3"),
            (" 7 ", "7"),
            ("1.25E-05", "0.0000125"),
            ("1.980949998e-06", "0.000001980949998"),
            ("-1E+3", "-1000"),
            ("1e0", "1"),
            ("0E-300", "0"),
            ("9999999999999999999.5", "9999999999999999999.5"),
            (
                "1234567890.123456789012345678",
                "1234567890.123456789012345678",
            ),
            (
                "7922816251426433759354395033.5",
                "7922816251426433759354395033.5",
            ),
            (
                "79228162514264337593543950335",
                "79228162514264337593543950335",
            ),
        ] {
            let expected: Decimal = expected.parse().unwrap();
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn digits_that_do_not_fit_are_rounded_half_to_even() {
        for (text, expected) in [
            ("1E-29", "0"),
            ("5E-29", "0"),
            ("15E-29", "0.0000000000000000000000000002"),
            ("5.1E-29", "0.0000000000000000000000000001"),
            ("1.23456789012345E-20", "0.0000000000000000000123456789"),
            (
                "7.92281625142643375935439503355",
                "7.922816251426433759354395034",
            ),
            (
                "79228162514264337593543950335.4",
                "79228162514264337593543950335",
            ),
        ] {
            let expected: Decimal = expected.parse().unwrap();
            assert_eq!(parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_cost_is_refused() {
        for (text, reason) in [
            ("", "is empty"),
            ("  ", "is empty"),
            ("-", "is not a number"),
            (".", "is not a number"),
            ("E5", "is not a number"),
            ("1E", "is not a number"),
            ("1E-", "is not a number"),
            ("1.2.3", "is not a number"),
            ("1 000", "is not a number"),
            ("NaN", "is not a number"),
            ("0x10", "is not a number"),
            ("$5", "is not a number"),
            ("--1", "is not a number"),
            ("1,5", "comma"),
            ("1.234,56", "comma"),
            ("1E999999999999", "exponent"),
            ("1E30", "too large"),
            ("79228162514264337593543950335.5", "too large"),
            ("79228162514264337593543950336", "too large"),
            ("123456789012345678901234567890123456789", "38 digits"),
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
