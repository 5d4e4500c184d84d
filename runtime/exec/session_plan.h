#pragma once

#include <linnet/linnet.h>

#include <cstddef>

#include "runtime/base/array.h"
#include "runtime/base/status.h"
#include "runtime/exec/passes.h"
#include "runtime/model/graph.h"

namespace linnet {

/// A state that gets a row per token: the keys or values of a softmax layer.
struct RowState {
  size_t offset = 0;
  size_t row_bytes = 0;
  size_t seen = 0;      ///< rows that a layer sees at most
  size_t rows = 0;      ///< rows that there are
  bool is_ring = true;  ///< of the stream's last tokens; else of the encoded text
};

/// Where everything of a session lies within its one block of memory: the state first, then its
/// checkpoints, then the arena. Made before anything is allocated.
struct SessionPlan {
  static constexpr size_t no_offset = SIZE_MAX;

  Extents largest;
  size_t state_bytes = 0;
  size_t recurrent_bytes = 0;  ///< of the state, from its start: what every token overwrites
  Array<RowState> row_states;
  size_t spare_ring_rows = 0;  ///< that rings have beyond those that are seen
  size_t history_offset = 0;   ///< within the state: the tokens so far, if the text may run again
  size_t history_tokens = 0;   ///< how many there is room for
  size_t beams = 1;            ///< hypotheses that share the rings
  size_t path_tokens = 0;      ///< tokens that each of them may have; 0: there are no paths
  size_t paths_offset = 0;     ///< within the state: uint32 [beams, path_tokens], see Chunk::paths
  size_t checkpoint_slots = 0;
  size_t checkpoint_bytes = 0;  ///< of all of them, each one's being recurrent_bytes
  size_t arena_bytes = 0;
  Array<size_t> tensor_offsets;   ///< per tensor, from the start of the block; no_offset: a weight
  Array<size_t> scratch_offsets;  ///< per operator, from the start of the block; no_offset: none
  Array<PassPlace> passes;        ///< per operator

  size_t arena_offset() const { return state_bytes + checkpoint_bytes; }
  size_t total_bytes() const { return arena_offset() + arena_bytes; }
};

/// Replaces what is 0 in the options by its default and checks the rest.
Status complete_options(const Graph& graph, const linnet_session_options* given,
                        linnet_session_options* out);

/// Plans a session of a verified graph with complete options. Fails if it would take too much, or
/// if the budget for checkpoints holds none.
Status plan_session(const Graph& graph, const linnet_session_options& options, SessionPlan* out);

/// True if a token can change how earlier ones come out (see SoftmaxFeatures in the schema): a
/// session then keeps its tokens and, when that happens, runs them all again in one chunk. Only of
/// decode.
bool reruns_text(const Graph& graph);

/// True if the graph has softmax layers whose rings hold only the last `context` tokens.
bool has_context_ring(const Graph& graph);

}  // namespace linnet
