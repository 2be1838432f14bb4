//! Which signature is meant: `func_select_candidate` of PostgreSQL's `parse_func.c`, step by step.

use super::signatures::Signature;
use super::types::{Context, STRING, Type};

/// A signature that was chosen, with its types made concrete.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) signature: &'static Signature,
    /// The type that every argument gets.
    pub(super) arguments: Vec<Type>,
    pub(super) result: Type,
}

/// The outcome of a resolution.
pub(super) enum Resolution {
    /// One signature.
    Found(Chosen),
    /// An argument has a type that is not known here; the result, if all that fit agree on it.
    Open(Type),
    /// None fits.
    None,
    /// More than one fits as well as the other.
    Ambiguous,
    /// The signature takes any type, and nothing says which.
    Indeterminate(&'static str),
}

/// A signature stretched to the number of arguments.
#[derive(Clone)]
struct Candidate {
    signature: &'static Signature,
    types: Vec<Type>,
}

fn stretched(signature: &'static Signature, count: usize) -> Option<Candidate> {
    let declared = signature.arguments.len();
    let mut types = signature.arguments.clone();
    if signature.variadic && declared > 0 && count >= declared {
        let last = types.pop()?;
        let repeated = match last.0 {
            "any" => last,
            "anyarray" => Type("anyelement"),
            "anycompatiblearray" => Type("anycompatible"),
            _ => last.element().unwrap_or(last),
        };
        types.resize(count, repeated);
    } else if count <= declared && count + signature.defaults >= declared {
        types.truncate(count);
    }
    (types.len() == count).then_some(Candidate { signature, types })
}

/// Chooses among signatures by the types of the arguments.
pub(super) fn resolve(signatures: impl IntoIterator<Item = &'static Signature>, inputs: &[Type]) -> Resolution {
    let all: Vec<Candidate> =
        signatures.into_iter().filter_map(|signature| stretched(signature, inputs.len())).collect();
    if inputs.contains(&Type::ANY) {
        return open(&all);
    }
    // A signature of its own before one that a variadic was stretched to.
    if let Some(exact) = all.iter().find(|candidate| candidate.types == inputs) {
        return finish(exact, inputs);
    }
    let fitting: Vec<Candidate> = all.into_iter().filter(|candidate| fits(candidate, inputs)).collect();
    match fitting.as_slice() {
        [] => Resolution::None,
        [only] => finish(only, inputs),
        _ => match select(fitting, inputs) {
            Some(best) => finish(&best, inputs),
            None => Resolution::Ambiguous,
        },
    }
}

fn open(all: &[Candidate]) -> Resolution {
    let mut results = all.iter().map(|candidate| candidate.signature.result);
    match results.next() {
        None => Resolution::None,
        Some(first) if !first.is_polymorphic() && results.all(|other| other == first) => Resolution::Open(first),
        Some(_) => Resolution::Open(Type::ANY),
    }
}

/// As operators are looked up: a constant beside a typed operand is first taken for the same type.
pub(super) fn resolve_operator(signatures: &[&'static Signature], inputs: &[Type]) -> Resolution {
    if let [left, right] = inputs
        && !inputs.contains(&Type::ANY)
    {
        let assumed = match (*left == Type::UNKNOWN, *right == Type::UNKNOWN) {
            (true, false) => [*right, *right],
            (false, true) => [*left, *left],
            (true, true) | (false, false) => [*left, *right],
        };
        let exact = signatures.iter().find(|signature| signature.arguments == assumed);
        if let Some(signature) = exact {
            return finish(&Candidate { signature, types: assumed.to_vec() }, inputs);
        }
    }
    resolve(signatures.iter().copied(), inputs)
}

fn fits(candidate: &Candidate, inputs: &[Type]) -> bool {
    let plain = candidate
        .types
        .iter()
        .zip(inputs)
        .all(|(wanted, found)| wanted.is_polymorphic() || found.becomes(*wanted, Context::Implicit));
    plain && concrete(candidate, inputs).is_some()
}

fn select(mut left: Vec<Candidate>, inputs: &[Type]) -> Option<Candidate> {
    keep_best(&mut left, |candidate| count(candidate, inputs, |wanted, found| wanted == found));
    if left.len() == 1 {
        return left.pop();
    }
    keep_best(&mut left, |candidate| {
        count(candidate, inputs, |wanted, found| {
            wanted == found || (wanted.is_preferred() && wanted.category() == found.category())
        })
    });
    if left.len() == 1 {
        return left.pop();
    }
    let unknown: Vec<usize> = (0..inputs.len()).filter(|index| inputs[*index] == Type::UNKNOWN).collect();
    if unknown.is_empty() {
        return None;
    }
    if let Some(narrowed) = by_category(&left, &unknown) {
        left = narrowed;
        if left.len() == 1 {
            return left.pop();
        }
    }
    same_as_known(&left, inputs)
}

fn count(candidate: &Candidate, inputs: &[Type], good: impl Fn(Type, Type) -> bool) -> usize {
    let pairs = candidate.types.iter().zip(inputs);
    pairs.filter(|(wanted, found)| **found != Type::UNKNOWN && good(**wanted, **found)).count()
}

fn keep_best(candidates: &mut Vec<Candidate>, score: impl Fn(&Candidate) -> usize) {
    let best = candidates.iter().map(&score).max().unwrap_or_default();
    candidates.retain(|candidate| score(candidate) == best);
}

/// Constants in quotes are text where a candidate takes text, and otherwise of the category on which all agree.
fn by_category(candidates: &[Candidate], unknown: &[usize]) -> Option<Vec<Candidate>> {
    let mut wanted = Vec::new();
    for &slot in unknown {
        let mut category: Option<(u8, bool)> = None;
        let mut conflict = false;
        for candidate in candidates {
            let one = candidate.types[slot];
            let (own, preferred) = (one.category(), one.is_preferred());
            category = match category {
                None => Some((own, preferred)),
                Some((known, has)) if known == own => Some((known, has || preferred)),
                Some(_) if own == STRING => Some((STRING, preferred)),
                other => {
                    conflict = true;
                    other
                }
            };
        }
        let (category, has_preferred) = category?;
        if conflict && category != STRING {
            return None;
        }
        wanted.push((slot, category, has_preferred));
    }
    let matches = |candidate: &&Candidate| {
        wanted.iter().all(|(slot, category, has_preferred)| {
            let one = candidate.types[*slot];
            one.category() == *category && (!has_preferred || one.is_preferred())
        })
    };
    let kept: Vec<Candidate> = candidates.iter().filter(matches).cloned().collect();
    (!kept.is_empty()).then_some(kept)
}

/// When all that is known has one type, the rest is taken for the same.
fn same_as_known(candidates: &[Candidate], inputs: &[Type]) -> Option<Candidate> {
    let mut known = inputs.iter().copied().filter(|found| *found != Type::UNKNOWN);
    let first = known.next()?;
    if known.any(|other| other != first) {
        return None;
    }
    let filled = vec![first; inputs.len()];
    let mut fitting = candidates.iter().filter(|candidate| fits(candidate, &filled));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Some(only.clone()),
        _ => None,
    }
}

fn finish(candidate: &Candidate, inputs: &[Type]) -> Resolution {
    let Some((arguments, result)) = concrete(candidate, inputs) else { return Resolution::None };
    if candidate.types.iter().any(|wanted| matches!(wanted.0, "anyelement" | "anyarray" | "anynonarray"))
        && arguments
            .iter()
            .zip(&candidate.types)
            .all(|(argument, wanted)| !wanted.is_polymorphic() || *argument == Type::UNKNOWN)
    {
        return Resolution::Indeterminate("unknown");
    }
    Resolution::Found(Chosen { signature: candidate.signature, arguments, result })
}

/// The types that stand for a signature's families of types, if the arguments agree on them.
#[derive(Default)]
struct Families {
    /// `anyelement` and its kin: one type for all.
    element: Option<Type>,
    /// `anycompatible` and its kin: the type on which all meet.
    compatible: Vec<Type>,
}

fn concrete(candidate: &Candidate, inputs: &[Type]) -> Option<(Vec<Type>, Type)> {
    let result = candidate.signature.result;
    if !result.is_polymorphic() && !candidate.types.iter().any(|wanted| wanted.is_polymorphic()) {
        return Some((candidate.types.clone(), result));
    }
    let families = families(&candidate.types, inputs)?;
    let compatible = common(&families.compatible).or(families.compatible.is_empty().then_some(Type::TEXT))?;
    let element = families.element.unwrap_or(Type::UNKNOWN);
    let array = |of: Type| if of == Type::UNKNOWN { of } else { of.array().unwrap_or(Type::ANY) };
    let fill = |wanted: Type| match wanted.0 {
        "anyelement" | "anynonarray" | "anyenum" => element,
        "anyarray" => array(element),
        "anycompatible" | "anycompatiblenonarray" => compatible,
        "anycompatiblearray" => array(compatible),
        _ if wanted.is_polymorphic() => Type::ANY,
        _ => wanted,
    };
    Some((candidate.types.iter().map(|wanted| fill(*wanted)).collect(), fill(result)))
}

fn families(wanted: &[Type], inputs: &[Type]) -> Option<Families> {
    let mut families = Families::default();
    for (wanted, found) in wanted.iter().zip(inputs) {
        if *found == Type::UNKNOWN || !wanted.is_polymorphic() {
            continue;
        }
        let element = match wanted.0 {
            "anyelement" | "anycompatible" => *found,
            "anynonarray" | "anycompatiblenonarray" if found.element().is_none() => *found,
            "anyarray" | "anycompatiblearray" => found.element()?,
            _ => return None,
        };
        if wanted.0.starts_with("anycompatible") {
            families.compatible.push(element);
        } else if families.element.is_some_and(|before| before != element) {
            return None;
        } else {
            families.element = Some(element);
        }
    }
    Some(families)
}

/// The type on which some types meet without constants among them (`select_common_type`).
pub(super) fn common(types: &[Type]) -> Option<Type> {
    let mut chosen: Option<Type> = None;
    for found in types.iter().copied().filter(|found| *found != Type::UNKNOWN) {
        chosen = Some(match chosen {
            None => found,
            Some(before) => meet(before, found)?,
        });
    }
    chosen
}

/// The type of two that the other one becomes; `None` where they are of different categories.
pub(super) fn meet(before: Type, found: Type) -> Option<Type> {
    if before == found {
        return Some(before);
    }
    if before == Type::ANY || found == Type::ANY {
        return Some(Type::ANY);
    }
    if before.category() != found.category() {
        return None;
    }
    let better =
        !before.is_preferred() && before.becomes(found, Context::Implicit) && !found.becomes(before, Context::Implicit);
    Some(if better { found } else { before })
}
