//! The order of keys in Docker Compose's YAML: numbers within names count as numbers, so that `web2` is before `web10`.

use std::cmp::Ordering;

/// Compares two keys.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum::<usize>();
    let (shared, rest_a, rest_b) = (&a[..same], &a[same..], &b[same..]);
    let (Some(next_a), Some(next_b)) = (rest_a.chars().next(), rest_b.chars().next()) else {
        return rest_a.len().cmp(&rest_b.len());
    };
    match (next_a.is_alphabetic(), next_b.is_alphabetic()) {
        (true, true) => return next_a.cmp(&next_b),
        (false, false) => {}
        // After a digit a letter ends the number, and so comes first; elsewhere it comes after signs and digits.
        (letter_a, _) => {
            let within_number = shared.chars().next_back().is_some_and(char::is_numeric);
            return if letter_a == within_number { Ordering::Less } else { Ordering::Greater };
        }
    }
    // A zero within a number is a digit of it; one at its beginning says nothing.
    let leading = if next_a == '0' || next_b == '0' {
        let within = shared.chars().rev().take_while(char::is_ascii_digit).any(|digit| digit != '0');
        i64::from(within)
    } else {
        0
    };
    let (number_a, length_a) = number(rest_a, leading);
    let (number_b, length_b) = number(rest_b, leading);
    number_a.cmp(&number_b).then(length_a.cmp(&length_b)).then(next_a.cmp(&next_b))
}

/// The digits that the text begins with, as a number below others, and how many there are.
fn number(text: &str, above: i64) -> (i64, usize) {
    let digits = text.bytes().take_while(u8::is_ascii_digit);
    digits.fold((above, 0), |(number, length), digit| {
        (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), length + 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_within_names_count_as_numbers() {
        let ordered = ["1", "2", "10", "A-2", "A-10", "A", "A_B", "AB", "a", "a1", "a1b", "a2", "a10", "a10b", "ab"];
        let mut sorted = ordered;
        sorted.reverse();
        sorted.sort_by(|a, b| compare(a, b));
        let position = |name: &str| sorted.iter().position(|other| *other == name).unwrap();
        assert!(position("2") < position("10"));
        assert!(position("A-2") < position("A-10"));
        assert!(position("a2") < position("a10"));
        assert!(position("a1") < position("a1b") && position("a1b") < position("a2"));
        assert!(position("A") < position("a"));
        assert!(position("a10") < position("ab"));
    }
}
