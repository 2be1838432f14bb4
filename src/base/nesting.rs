//! How deep a JSON text nests, told before anything parses it.

/// The deepest nesting of brackets outside of texts. One pass and no stack, so a text may nest as deep as it likes.
pub fn nesting_depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        if in_text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_text = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_texts_do_not_nest() {
        assert_eq!(nesting_depth(r#"{"a":"[[[[\"[[["}"#), 1);
        assert_eq!(nesting_depth(r#"[{"a":[1]},[]]"#), 3);
    }
}
