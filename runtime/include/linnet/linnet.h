/* Linnet: runs a .linnet model file in a fixed amount of memory. C99.
 *
 *   linnet_model* model;
 *   linnet_session* session;
 *   linnet_message why;
 *   if (linnet_model_open("model.linnet", NULL, &model, &why) != LINNET_OK) puts(why.text);
 *   linnet_session_open(model, NULL, NULL, &session, &why);
 *   linnet_run(session, tokens, count, logits, &why);
 *
 * Every call that can fail returns a status and, where `why` is given, writes one line that names
 * the file, operator or tensor, what was expected and what was found. `why` may be NULL. Text is
 * UTF-8. Structures of options start from their linnet_..._defaults() call, so that fields added
 * later keep their meaning.
 *
 * Threads: a model is immutable and may be used by any number of threads and sessions. A session
 * belongs to one thread at a time, but for linnet_session_cancel. There is no other shared state.
 */
#ifndef LINNET_LINNET_H
#define LINNET_LINNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define LINNET_API
#else
#define LINNET_API __attribute__((visibility("default")))
#endif

typedef enum linnet_status {
  LINNET_OK = 0,
  LINNET_INVALID_ARGUMENT = 1, /* the caller broke this header's rules */
  LINNET_IO_ERROR = 2,         /* a file cannot be opened, read or mapped */
  LINNET_INVALID_MODEL = 3,    /* the file is damaged, hostile or not a .linnet file */
  LINNET_UNSUPPORTED = 4,      /* a newer format, or something this build leaves out */
  LINNET_OUT_OF_MEMORY = 5,
  LINNET_CANCELLED = 6, /* a callback asked to stop */
  LINNET_INTERNAL = 7   /* a defect in Linnet: please report it with the message */
} linnet_status;

/* One line of explanation, always terminated. */
typedef struct linnet_message {
  char text[512];
} linnet_message;

typedef struct linnet_model linnet_model;     /* immutable weights and graph of one file */
typedef struct linnet_session linnet_session; /* one stream of tokens: state and arena */

#define LINNET_VERSION "0.1.0"

/* The version of the library that runs, which may be newer than this header's. */
LINNET_API const char* linnet_version(void);
LINNET_API const char* linnet_status_name(linnet_status status);

/* ---- Models ---------------------------------------------------------------------------------- */

/* Called now and then with the share done, 0 to 1; returns false to cancel. */
typedef bool (*linnet_progress)(float done, void* context);

typedef enum linnet_log_level {
  LINNET_LOG_INFO = 0,   /* what was chosen, such as threads, and what it takes */
  LINNET_LOG_WARNING = 1 /* all works, but slower or in more memory than it could */
} linnet_log_level;

/* Called with one line, terminated and without a line's end, on the thread of the call that it is
 * about: linnet_model_open of the model, linnet_session_open of its sessions. */
typedef void (*linnet_log)(linnet_log_level level, const char* line, void* context);

/* Where a model and its sessions take memory: what opening takes, and what text calls such as
 * linnet_generate take before they run. All but the mapped file and a session's threads, which are
 * the system's. Called from the threads that call Linnet and, while a session opens, from its own,
 * several at once; must outlive the model. */
typedef struct linnet_allocator {
  /* Memory as aligned as malloc's, or NULL, of which the call makes LINNET_OUT_OF_MEMORY. */
  void* (*allocate)(size_t bytes, void* context);
  void (*release)(void* memory, void* context); /* never of NULL */
  void* context;
} linnet_allocator;

typedef struct linnet_model_options {
  linnet_progress progress; /* while weights are packed for this machine; may be NULL */
  void* progress_context;
  linnet_log log; /* of the model and its sessions; NULL: nothing is said */
  void* log_context;
  linnet_allocator allocator; /* `allocate` NULL: the system's */
} linnet_model_options;

LINNET_API linnet_model_options linnet_model_options_defaults(void);

/* Maps and verifies a file and packs its matrices for this machine. `options` may be NULL. On
 * success *out must be closed with linnet_model_close after its last session is closed.
 * The file must stay as it is until then: it is read where it lies, and where another process has
 * cut it short the system ends this one. To replace a model, rename another file over it. Where
 * others may write, read the file and borrow the bytes. */
LINNET_API linnet_status linnet_model_open(const char* path, const linnet_model_options* options,
                                           linnet_model** out, linnet_message* why);

/* The same for `size` bytes from `offset` of an open file (an asset that lies uncompressed inside a
 * package). `offset` must be a multiple of 64; where it isn't, read the bytes and borrow them. The
 * file descriptor may be closed afterwards; `size` 0 means up to the end of the file. */
LINNET_API linnet_status linnet_model_open_fd(int fd, uint64_t offset, uint64_t size,
                                              const linnet_model_options* options,
                                              linnet_model** out, linnet_message* why);

/* The same for bytes in memory, which must be 64-byte aligned and outlive the model unchanged. */
LINNET_API linnet_status linnet_model_borrow(const void* bytes, size_t size,
                                             const linnet_model_options* options,
                                             linnet_model** out, linnet_message* why);

/* NULL is allowed. Every session of the model must have been closed. */
LINNET_API void linnet_model_close(linnet_model* model);

/* What a score of a label is made of its logit by. */
typedef enum linnet_label_function {
  LINNET_LABEL_SOFTMAX = 0, /* one of the labels holds */
  LINNET_LABEL_SIGMOID = 1, /* each holds or not, whatever the others do */
  LINNET_LABEL_NONE = 2     /* the logit is the score: regression */
} linnet_label_function;

/* Strings live as long as the model and are never NULL. */
typedef struct linnet_model_info {
  const char* name;
  const char* architecture;
  const char* source;
  const char* license;
  const char* weights; /* "f32", "int8" */
  uint32_t vocabulary; /* logits per token; of an encoder alone, columns of its first output */
  uint32_t context;    /* positions the model was trained for; 0: unbounded */
  bool has_tokenizer;
  bool has_context_limit;         /* true if softmax layers see only the last `context` tokens */
  bool has_decoder;               /* linnet_run streams tokens and gives logits */
  bool has_encoder;               /* linnet_encode reads whole texts */
  uint32_t positions;             /* a text may have this many tokens and no more; 0: any number */
  uint32_t source_positions;      /* the same of a text to encode */
  uint32_t encoder_outputs;       /* what linnet_session_output can be asked for */
  uint64_t file_bytes;            /* mapped, shared between processes */
  uint64_t packed_bytes;          /* private to this process: matrices laid out for this machine */
  const uint32_t* suppressed_ids; /* tokens that linnet_translate never writes, such as padding */
  size_t suppressed_count;
  uint32_t labels; /* of a classifier, one per column of its encoder's logits; else 0 */
  linnet_label_function label_function;
} linnet_model_info;

LINNET_API void linnet_model_describe(const linnet_model* model, linnet_model_info* out);

/* Label number `index` of a classifier, which lives as long as the model; NULL: there is none. */
LINNET_API const char* linnet_model_label(const linnet_model* model, size_t index);

/* What a row of a classifier's logits says of each label: probabilities, but with
 * LINNET_LABEL_NONE. Both are [labels] floats, and may be the same. */
LINNET_API void linnet_model_label_scores(const linnet_model* model, const float* logits,
                                          float* scores);

/* ---- Sessions -------------------------------------------------------------------------------- */

typedef struct linnet_session_options {
  uint32_t threads; /* 0: one per fast core, at most 8 */
  uint32_t chunk;   /* most tokens that run at once, a whole batch of an encoder's; 0: 256, or the
                       positions of an encoder, at most 512 */
  uint32_t context; /* capacity of softmax layers' KV rings in tokens; 0: 2048 */
  bool all_logits;  /* linnet_run gives logits for every token, not for the last alone; always so
                       for an encoder alone */
  uint32_t beams;   /* hypotheses that linnet_run_beams may carry side by side, each of up to
                       `context` tokens; 0 or 1: one */
  uint64_t checkpoint_bytes; /* for linnet_session_checkpoint; 0: none */
  uint32_t rewind; /* tokens that KV rings keep beyond those that softmax layers see, so that
                      linnet_session_rewind may go back so far in a text longer than they see */
  uint32_t batch;  /* sessions that linnet_run_batch may run in this one's arena; 0 or 1: one */
} linnet_session_options;

LINNET_API linnet_session_options linnet_session_options_defaults(void);

typedef struct linnet_memory {
  uint64_t state_bytes;          /* what the session remembers; constant however many tokens pass */
  uint64_t arena_bytes;          /* activations and scratch of one chunk */
  uint64_t total_bytes;          /* the one block that holds all: what linnet_session_open needs */
  uint64_t checkpoint_bytes;     /* checkpoints: as many as fit into the option's bytes */
  uint64_t one_checkpoint_bytes; /* what one takes; 0: the model needs none to go back */
} linnet_memory;

/* The exact memory of a session with these options. `options` may be NULL. */
LINNET_API linnet_status linnet_session_bytes(const linnet_model* model,
                                              const linnet_session_options* options,
                                              linnet_memory* out, linnet_message* why);

/* Opens a session with empty state. `memory`, if not NULL, is a block of linnet_session_bytes'
 * total_bytes, 64-byte aligned, that stays untouched until the session is closed. From then on
 * linnet_run, state, checkpoint and reset calls allocate nothing. */
LINNET_API linnet_status linnet_session_open(const linnet_model* model,
                                             const linnet_session_options* options, void* memory,
                                             linnet_session** out, linnet_message* why);

/* NULL is allowed. */
LINNET_API void linnet_session_close(linnet_session* session);

/* Runs `count` tokens in chunks. `logits`, if not NULL, receives [vocabulary] floats for the last
 * token or, with all_logits, [count, vocabulary]; there must be a token then. With NULL the
 * vocabulary head is not computed.
 * A model that has an encoder alone takes one whole text per call, of at most `chunk` tokens, and
 * remembers nothing of it: linnet_encode of one text. An encoder-decoder needs linnet_encode first.
 * Some models (Performer's softmax kernel) read all earlier tokens differently when a token sets a
 * new maximum: the session then runs its text again, and has a chunk of all positions for that.
 * A token outside the vocabulary is refused before anything runs. */
LINNET_API linnet_status linnet_run(linnet_session* session, const int32_t* tokens, size_t count,
                                    float* logits, linnet_message* why);

/* Runs one token for each of `count` hypotheses, which share all that the session has run so far:
 * one matrix product serves them all, and what they have in common is in memory once. Hypothesis i
 * continues hypothesis parents[i] of the call before, or, after linnet_run, the only one, 0;
 * several may continue the same one, and one that none continues is forgotten. `logits` receives
 * [count, vocabulary]. linnet_run afterwards continues hypothesis 0 alone. Only of a session with
 * `beams`, which a model has that remembers tokens by softmax layers alone. */
LINNET_API linnet_status linnet_run_beams(linnet_session* session, const int32_t* tokens,
                                          const uint32_t* parents, size_t count, float* logits,
                                          linnet_message* why);

/* Runs one token for each of `count` sessions of one model in one pass over its weights: every
 * matrix is read once for all of them, which is what one token alone waits for. Session i takes
 * tokens[i], and its row of `logits`, [count, vocabulary], is what linnet_run would have given it,
 * but for the last bits of sums, which a product of several rows may add up in another order; with
 * NULL the vocabulary head is not computed. It runs in the arena and on the threads of the
 * first session that was opened with a `batch` of at least `count`, and calls that one's callbacks;
 * the others may have been opened with a chunk of 1 and one thread. All need the same `context` and
 * `rewind`, none may have `beams`, and none may be in the batch twice or run elsewhere meanwhile.
 * An argument that is refused changes nothing. A cancel of any of them empties them all.
 *
 *   linnet_session* sessions[2] = {first, second};
 *   const int32_t tokens[2] = {first_token, second_token};
 *   linnet_run_batch(sessions, tokens, 2, logits, &why); */
LINNET_API linnet_status linnet_run_batch(linnet_session* const* sessions, const int32_t* tokens,
                                          size_t count, float* logits, linnet_message* why);

/* A batch of texts, one behind another. */
typedef struct linnet_texts {
  const int32_t* tokens;
  const int32_t* token_types; /* one per token, such as 1 for the second text of a pair; NULL: 0 */
  const uint8_t* mask;        /* one per token, 0 where it is padding; NULL: none is */
  const size_t* lengths;      /* tokens of each text, padding included */
  size_t count;               /* texts, at least one */
} linnet_texts;

/* Runs an encoder over a batch of texts. Padding does not run: a token whose mask is 0 is left out,
 * as if its text did not have it. What is left needs a chunk that holds all of it, and at least one
 * token per text. In an encoder-decoder the batch is one text, the source: it empties the state,
 * and linnet_run then decodes from position 0 with the source in sight. A token or token type that
 * the model does not have is refused before anything runs. */
LINNET_API linnet_status linnet_encode(linnet_session* session, const linnet_texts* texts,
                                       linnet_message* why);

/* What an encoder made of the last batch: [rows, columns] floats, which belong to the session and
 * stay until it runs again. */
typedef struct linnet_output {
  const char* name; /* such as "logits", "last_hidden_state", "sentence_embedding" */
  const float* values;
  size_t rows; /* one per token that was not padding, text after text, or one per text */
  size_t columns;
  bool per_text;
} linnet_output;

/* Output number `index` of the linnet_encode that ran last. */
LINNET_API linnet_status linnet_session_output(const linnet_session* session, size_t index,
                                               linnet_output* out, linnet_message* why);

/* Opens another session at the same point of the same stream, with the same options and
 * checkpoints, which then goes its own way. `memory` as for linnet_session_open.
 *
 *   linnet_session_fork(session, NULL, &other, &why); */
LINNET_API linnet_status linnet_session_fork(const linnet_session* session, void* memory,
                                             linnet_session** out, linnet_message* why);

/* Stops the call that runs the session now, from any thread, before its next operator; with none
 * running, the next call. That call returns LINNET_CANCELLED. What was within a chunk cannot go on:
 * the state is empty then, as after linnet_session_reset. To stop between chunks and keep the
 * state, return false from a progress callback. */
LINNET_API void linnet_session_cancel(linnet_session* session);

/* Called between chunks of linnet_run and linnet_generate with the tokens done of those asked for;
 * returning false cancels. After a cancel the state stands after the tokens done. NULL: none. */
typedef bool (*linnet_run_progress)(size_t done, size_t total, void* context);
LINNET_API void linnet_session_on_progress(linnet_session* session, linnet_run_progress progress,
                                           void* context);

/* What one operator took of a run. Strings live as long as the model. */
typedef struct linnet_operator_run {
  size_t index;         /* in the order of execution, from 0; a new chunk begins where it is 0 */
  const char* name;     /* where it stands in the model, such as "layers.3.mlp.down" */
  const char* kind;     /* what it is, such as "Linear" */
  uint64_t nanoseconds; /* on the wall clock, until the last of the session's threads was done */
} linnet_operator_run;

/* Called on the caller's thread after every operator of linnet_run and linnet_generate, which then
 * run one by one, where small neighbours otherwise share one pass over the tokens. It belongs
 * to this session alone, not to its forks. NULL: none, and no clock is read. */
typedef void (*linnet_operator_callback)(const linnet_operator_run* run, void* context);
LINNET_API void linnet_session_on_operator(linnet_session* session,
                                           linnet_operator_callback callback, void* context);

/* Tokens since the state was empty. */
LINNET_API uint64_t linnet_session_position(const linnet_session* session);

/* ---- State: what a session remembers, as a value ----------------------------------------------
 *
 * A state is what tokens leave behind: fast weights, tails of convolutions, KV rings, the encoded
 * text of an encoder-decoder, and the position. Where it is copied, saved or gone back to, the
 * logits that follow are the same bits as without; tokens that run again in chunks of another size
 * may change the last bits of sums.
 */

/* Empties the state and forgets its checkpoints: the next token is the first of a stream.
 *
 *   linnet_session_reset(session); */
LINNET_API void linnet_session_reset(linnet_session* session);

/* Bytes that linnet_state_save writes now. Of KV rings they hold the tokens that are seen, so that
 * a short text's state is small. */
LINNET_API size_t linnet_state_bytes(const linnet_session* session);

/* Writes the state to `bytes`, which has room for linnet_state_bytes, with its version, the hash of
 * its model and its capacities. Checkpoints are not part of it.
 *
 *   void* bytes = malloc(linnet_state_bytes(session));
 *   linnet_state_save(session, bytes, linnet_state_bytes(session), &why); */
LINNET_API linnet_status linnet_state_save(const linnet_session* session, void* bytes, size_t size,
                                           linnet_message* why);

/* Replaces the state by a saved one, of just `size` bytes, and forgets the checkpoints. A state of
 * another model, another version or other capacities (`context`, `beams`), or one that is damaged,
 * is refused with a message and nothing changes; chunk, threads and the other options may differ.
 * The bytes may come from anywhere: whatever they hold, nothing leaves its bounds.
 *
 *   if (linnet_state_load(session, bytes, size, &why) != LINNET_OK) puts(why.text); */
LINNET_API linnet_status linnet_state_load(linnet_session* session, const void* bytes, size_t size,
                                           linnet_message* why);

/* The same bytes to a file. It appears whole or not at all: a file that was there before stays
 * until the new one is safely on disk.
 *
 *   linnet_state_save_file(session, "chat.state", &why); */
LINNET_API linnet_status linnet_state_save_file(const linnet_session* session, const char* path,
                                                linnet_message* why);

/* The same from a file, which must not change meanwhile.
 *
 *   if (linnet_state_load_file(session, "chat.state", &why) != LINNET_OK) puts(why.text); */
LINNET_API linnet_status linnet_state_load_file(linnet_session* session, const char* path,
                                                linnet_message* why);

/* Notes where the stream stands, for linnet_session_rewind. A checkpoint is a copy of what every
 * token overwrites; rows of KV rings need none. When the session's `checkpoint_bytes` are full, the
 * checkpoint goes whose neighbours are closest together measured by its age, but not the first one:
 * the spacing grows with age. Fails for a session without room for one; a model that remembers by
 * softmax layers alone needs no room, and for it this call does nothing.
 *
 *   linnet_session_options options = linnet_session_options_defaults();
 *   options.checkpoint_bytes = 64 << 20;
 *   linnet_session_open(model, &options, NULL, &session, &why);
 *   linnet_run(session, turn, count, logits, &why);
 *   linnet_session_checkpoint(session, &why); */
LINNET_API linnet_status linnet_session_checkpoint(linnet_session* session, linnet_message* why);

/* Goes back to `position`, at most linnet_session_position, or to the nearest point before it that
 * can be restored, and says which in *replay_from: the caller runs tokens *replay_from ..
 * position - 1 of the stream again. That point is the latest checkpoint at or before `position`,
 * and for a model of softmax layers alone `position` itself. But a softmax layer must still have
 * all tokens that it sees from there; a stream longer than its window or `context` has overwritten
 * them unless it went on by at most `rewind` tokens. Where it has, *replay_from is 0 and the stream
 * is empty. Checkpoints beyond *replay_from are forgotten.
 *
 *   uint64_t replay_from;
 *   linnet_session_rewind(session, position, &replay_from, &why);
 *   linnet_run(session, tokens + replay_from, position - replay_from, logits, &why); */
LINNET_API linnet_status linnet_session_rewind(linnet_session* session, uint64_t position,
                                               uint64_t* replay_from, linnet_message* why);

/* ---- Text ------------------------------------------------------------------------------------ */

/* Token ids of a text. Writes at most `capacity` ids and always sets *count to how many there are;
 * more than `capacity` is not a failure (call again with room). `special_tokens`: put the model's
 * begin-of-text and the like around the text. */
LINNET_API linnet_status linnet_tokenize(const linnet_model* model, const char* text, size_t size,
                                         bool special_tokens, int32_t* ids, size_t capacity,
                                         size_t* count, linnet_message* why);

/* The same for a text that has a token type for each id, as linnet_encode takes them; with `second`
 * not NULL, for a pair of texts that the model reads as one (BERT: [CLS] first [SEP] second [SEP],
 * with type 0 for the first part and 1 for the second). Writes at most `capacity` ids and, where
 * `types` is not NULL, as many types. */
LINNET_API linnet_status linnet_tokenize_pair(const linnet_model* model, const char* first,
                                              size_t first_size, const char* second,
                                              size_t second_size, bool special_tokens, int32_t* ids,
                                              int32_t* types, size_t capacity, size_t* count,
                                              linnet_message* why);

/* The text of ids that begin one, or their bytes where a model's tokens are bytes; not always whole
 * characters. Writes at most `capacity` bytes and always sets *size. `special_tokens`: print
 * special tokens too. */
LINNET_API linnet_status linnet_detokenize(const linnet_model* model, const int32_t* ids,
                                           size_t count, bool special_tokens, char* text,
                                           size_t capacity, size_t* size, linnet_message* why);

typedef struct linnet_generate_options {
  size_t max_tokens;
  float temperature;        /* 0: the likeliest token always */
  uint32_t top_k;           /* keep the k likeliest; 0: all */
  float top_p;              /* keep the likeliest that sum to p; 1: all */
  float min_p;              /* keep those at least min_p times as likely as the likeliest; 0: all */
  float repetition_penalty; /* divides the logits of tokens among the last 64; 1: none */
  uint64_t seed;            /* the same seed, options and prompt give the same text */
  bool ignore_end;          /* go on past the end of text */
} linnet_generate_options;

/* The model's own defaults. */
LINNET_API linnet_generate_options linnet_generate_options_defaults(const linnet_model* model);

/* Receives whole UTF-8 characters as they become certain; returns false to stop. `text` is not
 * terminated and valid during the call only. */
typedef bool (*linnet_text_callback)(const char* text, size_t size, void* context);

typedef enum linnet_stop_reason {
  LINNET_STOP_MAX_TOKENS = 0,
  LINNET_STOP_END = 1,     /* the model ended the text */
  LINNET_STOP_CALLBACK = 2 /* the callback returned false */
} linnet_stop_reason;

typedef struct linnet_generated {
  size_t prompt_tokens;
  size_t tokens;
  linnet_stop_reason stop;
} linnet_generated;

/* When a beam search stops that has as many ended hypotheses as beams. */
typedef enum linnet_stopping {
  LINNET_STOPPING_LIKELY = 0, /* when the likeliest that still runs, if it ended now, would not beat
                                 the worst of them */
  LINNET_STOPPING_FIRST = 1,  /* at once */
  LINNET_STOPPING_EXACT = 2   /* when nothing that still runs could beat the worst of them */
} linnet_stopping;

/* Tokens are counted without the decoder's start. */
typedef struct linnet_translate_options {
  uint32_t beams;       /* hypotheses that go on side by side, at most the session's; 1: the
                           likeliest token always */
  size_t max_tokens;    /* at most as many as the decoder has positions for */
  size_t min_tokens;    /* the text may not end before */
  float length_penalty; /* a score is the logarithm of a text's probability divided by its number
                           of tokens to this power */
  linnet_stopping stopping;
  uint32_t no_repeat;   /* no sequence of so many tokens may stand twice; 0: any may */
  int32_t start;        /* the decoder's first input; -1: the file does not say, so it is needed */
  int32_t forced_first; /* the first token of the text, such as a language; -1: any */
  int32_t forced_last;  /* token number max_tokens; -1: any */
} linnet_translate_options;

/* The model's own defaults. */
LINNET_API linnet_translate_options linnet_translate_options_defaults(const linnet_model* model);

typedef struct linnet_translated {
  size_t source_tokens;
  size_t tokens;           /* of the text, its end included */
  float score;             /* see length_penalty */
  linnet_stop_reason stop; /* LINNET_STOP_END or LINNET_STOP_MAX_TOKENS */
} linnet_translated;

/* What an encoder-decoder makes of a source text: `ids` receives the tokens of the best hypothesis,
 * its end included, of which there are at most max_tokens; `capacity` must be so many. `options`
 * and `out` may be NULL. The source is taken as it is: special tokens that the model wants around
 * it, such as its end, are the caller's to add. Allocates before the first token only. */
LINNET_API linnet_status linnet_translate_ids(linnet_session* session, const int32_t* source,
                                              size_t count, const linnet_translate_options* options,
                                              int32_t* ids, size_t capacity, linnet_translated* out,
                                              linnet_message* why);

/* The same from text to text, through the model's tokenizer. `callback` receives the whole text at
 * once. */
LINNET_API linnet_status linnet_translate(linnet_session* session, const char* text, size_t size,
                                          const linnet_translate_options* options,
                                          linnet_text_callback callback, void* context,
                                          linnet_translated* out, linnet_message* why);

/* Continues the session with `prompt` and streams the model's text. `options` may be NULL, `out`
 * too. The session afterwards has seen the prompt and every token but the last. Allocates before
 * the first token only: room for logits, for sampling and for the prompt's ids. */
LINNET_API linnet_status linnet_generate(linnet_session* session, const char* prompt, size_t size,
                                         const linnet_generate_options* options,
                                         linnet_text_callback callback, void* context,
                                         linnet_generated* out, linnet_message* why);

/* Receives each token as it is chosen, with the whole characters that became certain by it, if any
 * (size 0); returns false to stop. Text that is left over at the end comes with the id -1. */
typedef bool (*linnet_token_callback)(int32_t id, const char* text, size_t size, void* context);

/* The same from ids, which run as they are, such as those of a chat whose turns the caller keeps.
 * The token that ends the text is not handed over. A model without a tokenizer writes ids alone. */
LINNET_API linnet_status linnet_generate_ids(linnet_session* session, const int32_t* prompt,
                                             size_t count, const linnet_generate_options* options,
                                             linnet_token_callback callback, void* context,
                                             linnet_generated* out, linnet_message* why);

#ifdef __cplusplus
}
#endif

#endif /* LINNET_LINNET_H */
