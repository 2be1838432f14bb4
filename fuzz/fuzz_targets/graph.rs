//! Graph JSON: validation, schema, and compilation of every node to its verified statements.
#![no_main]

use flowforge::emit::{Dialect, Emitter, emit};
use flowforge::guard::{self, verify};
use flowforge::route::route;
use flowforge::workflow::{Graph, WorkflowContext, compile_graph, schema, validate};
use flowforge_fuzz::{LIMITS, SEARCH_PATH, VIEW, clock};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let context = WorkflowContext { view: &VIEW, search_path: &SEARCH_PATH, clock: clock(), limits: &LIMITS };
    drop(validate(text, &context));
    drop(schema(text, None, &context));
    let Ok(graph) = Graph::parse(text, &LIMITS) else { return };
    for node in graph.nodes().iter().take(20) {
        let Ok(compiled) = compile_graph(&graph, &node.id, None, &context) else { continue };
        let Ok(guarded) = guard::apply(compiled.plan, VIEW.tenant()) else { continue };
        let Ok(routed) = route(guarded, &Emitter) else { continue };
        for piece in routed.pieces {
            if let Ok(emitted) = emit(&piece, Dialect::of(piece.store)) {
                verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements)
                    .expect("an emitted statement lost its guard");
            }
        }
    }
});
