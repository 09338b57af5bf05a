//! Finds the place of a JSON pointer in a text that may not be JSON: it may end too early, be wrong after the place, or be nested
//! deeper than a parser goes. A name that is there twice leads to both places.

/// Whether the pointer leads to a place of this text (RFC 6901).
pub(crate) fn has_place(json: &[u8], pointer: &str) -> bool {
    let Some(steps) = pointer.strip_prefix('/') else { return pointer.is_empty() };
    let mut places = vec![skip_space(json, 0)];
    for step in steps.split('/') {
        let step = step.replace("~1", "/").replace("~0", "~");
        places = places.into_iter().flat_map(|place| children(json, place, &step)).collect();
    }
    !places.is_empty()
}

/// Where the members of this name, or the item of this index, start.
fn children(json: &[u8], place: usize, step: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let (is_object, mut at, mut index) = match json.get(place) {
        Some(b'{') => (true, place + 1, 0),
        Some(b'[') => (false, place + 1, 0),
        _ => return found,
    };
    loop {
        at = skip_space(json, at);
        if matches!(json.get(at), None | Some(b']' | b'}')) {
            return found;
        }
        let is_it = if is_object {
            let end = skip_value(json, at);
            let name = serde_json::from_slice::<String>(&json[at..end]);
            at = skip_space(json, end);
            if name.as_deref().is_ok_and(|name| name == step) && json.get(at) != Some(&b':') {
                // The text ends after the name.
                found.push(at);
            }
            if json.get(at) != Some(&b':') {
                return found;
            }
            at = skip_space(json, at + 1);
            name.is_ok_and(|name| name == step)
        } else {
            step == index.to_string()
        };
        if is_it {
            found.push(at);
        }
        at = skip_space(json, skip_value(json, at));
        if json.get(at) != Some(&b',') {
            return found;
        }
        (at, index) = (at + 1, index + 1);
    }
}

fn skip_space(json: &[u8], mut at: usize) -> usize {
    while matches!(json.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The index after the value that starts here.
fn skip_value(json: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => {
                at += 1;
                while json.get(at).is_some_and(|byte| *byte != b'"') {
                    at += if json[at] == b'\\' { 2 } else { 1 };
                }
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' if depth == 0 => return at,
            b']' | b'}' => depth -= 1,
            b',' | b':' if depth == 0 => return at,
            b' ' | b'\t' | b'\r' | b'\n' if depth == 0 => return at,
            _ => {}
        }
        at = (at + 1).min(json.len());
        if depth == 0 && matches!(json.get(at - 1), Some(b'"' | b']' | b'}')) {
            return at;
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::has_place;

    #[test]
    fn place_is_found_also_if_the_text_is_not_json() {
        let json = br#" {"a/b" :[1,{"~":"\"]}"} ,[]], "a/b":{"c":2} , "d":[[[ "#;
        for pointer in ["", "/a~1b", "/a~1b/0", "/a~1b/1/~0", "/a~1b/2", "/a~1b/c", "/d/0/0"] {
            assert!(has_place(json, pointer), "{pointer}");
        }
        for pointer in ["a", "/a", "/a~1b/3", "/a~1b/1/x", "/a~1b/01", "/a~1b/0/0", "/d/1", "/e", "/a~1b/c/0", "/"] {
            assert!(!has_place(json, pointer), "{pointer}");
        }
    }
}
