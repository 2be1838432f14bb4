//! The smallest statement found that differs in the same way.

use super::tree::Node;
use super::{Difference, Pair, Verdict};

/// No more statements are asked for one difference.
const TRIES: usize = 600;

/// Makes a statement smaller as long as what is smaller differs in the same way.
pub(super) async fn smallest(pair: &mut Pair<'_>, statement: Node, found: Difference) -> (Node, Difference) {
    let (mut best, mut difference) = (statement, found);
    let mut tries = 0;
    'smaller: loop {
        let length = best.sql().len();
        for candidate in best.smaller() {
            if candidate.sql().len() >= length {
                continue;
            }
            tries += 1;
            if tries > TRIES {
                return (best, difference);
            }
            if let Verdict::Differs(again) = pair.verdict(&candidate).await
                && again.kind == difference.kind
                && again.answered == difference.answered
            {
                (best, difference) = (candidate, again);
                continue 'smaller;
            }
        }
        return (best, difference);
    }
}
