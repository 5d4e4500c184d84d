/* The C interface, seen by a C99 compiler: every call of linnet.h, and what errors say.
 *   linnet_c_test MODEL.linnet CLASSIFIER.linnet TRANSLATOR.linnet
 */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <linnet/linnet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures = 0;

static void check(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

struct text {
  char bytes[4096];
  size_t size;
};

static bool append(const char* bytes, size_t size, void* context) {
  struct text* text = context;
  if (size > sizeof text->bytes - text->size) return false;
  memcpy(text->bytes + text->size, bytes, size);
  text->size += size;
  return true;
}

static bool refuse(size_t done, size_t total, void* context) {
  (void)done;
  (void)total;
  (void)context;
  return false;
}

struct operators {
  size_t count;
  size_t chunks;
  size_t next; /* the index expected next */
  bool in_order;
  bool named;
};

static void count_operator(const linnet_operator_run* run, void* context) {
  struct operators* seen = context;
  if (run->index == 0) {
    ++seen->chunks;
    seen->next = 0;
  }
  seen->in_order = seen->in_order && run->index == seen->next;
  seen->named = seen->named && run->name[0] != '\0' && run->kind[0] != '\0';
  ++seen->next;
  ++seen->count;
}

static void check_errors(void) {
  linnet_message why;
  linnet_model* model = NULL;
  check(linnet_model_open("no-such-file.linnet", NULL, &model, &why) == LINNET_IO_ERROR,
        "a missing file");
  check(strstr(why.text, "no-such-file.linnet") != NULL, "the message names the missing file");
  check(linnet_model_open(NULL, NULL, &model, &why) == LINNET_INVALID_ARGUMENT, "a NULL path");
  check(why.text[0] != '\0', "a message for a NULL path");
  check(linnet_model_open("no-such-file.linnet", NULL, &model, NULL) == LINNET_IO_ERROR,
        "no room for a message");
  check(strcmp(linnet_status_name(LINNET_INVALID_MODEL), "invalid model") == 0,
        "the name of a status");
  check(strcmp(linnet_version(), LINNET_VERSION) == 0, "the version of this header");
  linnet_model_close(NULL);
  linnet_session_close(NULL);
}

struct given {
  size_t blocks; /* of memory that are out */
  size_t lines;  /* of the log */
  bool progressed;
};

static void* give(size_t bytes, void* context) {
  void* memory = malloc(bytes);
  if (memory != NULL) ++((struct given*)context)->blocks;
  return memory;
}

static void take_back(void* memory, void* context) {
  --((struct given*)context)->blocks;
  free(memory);
}

static void count_line(linnet_log_level level, const char* line, void* context) {
  check(level == LINNET_LOG_INFO || level == LINNET_LOG_WARNING, "a level of the log");
  check(line[0] != '\0' && strchr(line, '\n') == NULL, "one line of the log");
  ++((struct given*)context)->lines;
}

static bool see_progress(float done, void* context) {
  check(done > 0 && done <= 1, "a share done");
  ((struct given*)context)->progressed = true;
  return true;
}

/* From a descriptor and from memory, with memory, log and progress of one's own. */
static void check_ways_to_open(const char* path) {
  struct given given = {0, 0, false};
  linnet_message why;
  linnet_model* model = NULL;
  linnet_session* session = NULL;
  linnet_model_options options = linnet_model_options_defaults();
  options.progress = see_progress;
  options.progress_context = &given;
  options.log = count_line;
  options.log_context = &given;
  options.allocator.allocate = give;
  options.allocator.release = take_back;
  options.allocator.context = &given;
  const int fd = open(path, O_RDONLY);
  check(linnet_model_open_fd(fd, 0, 0, &options, &model, &why) == LINNET_OK, "a descriptor");
  const off_t size = lseek(fd, 0, SEEK_END);
  void* bytes = NULL;
  check(posix_memalign(&bytes, 64, (size_t)size) == 0 && pread(fd, bytes, (size_t)size, 0) == size,
        "the file's bytes");
  close(fd);
  check(given.progressed && given.blocks > 0 && given.lines == 1, "all options are used");
  linnet_session_options one_thread = linnet_session_options_defaults();
  one_thread.threads = 1; /* several would need a counter that they share */
  check(linnet_session_open(model, &one_thread, NULL, &session, &why) == LINNET_OK,
        "a session of it");
  check(given.lines >= 2, "a line about the session");
  linnet_session_close(session);
  linnet_model_close(model);
  check(given.blocks == 0, "all memory comes back");
  options.allocator.release = NULL;
  check(linnet_model_open(path, &options, &model, &why) == LINNET_INVALID_ARGUMENT,
        "half an allocator");

  check(linnet_model_borrow(bytes, (size_t)size, NULL, &model, &why) == LINNET_OK, "memory");
  linnet_model_close(model);
  check(linnet_model_borrow((char*)bytes + 4, 4, NULL, &model, &why) == LINNET_INVALID_ARGUMENT,
        "memory off its boundary");
  free(bytes);
}

static void check_classifier(const char* path) {
  const int32_t tokens[] = {5, 6, 7, 8, 9};
  const size_t lengths[] = {3, 2};
  const linnet_texts texts = {tokens, NULL, NULL, lengths, 2};
  linnet_message why;
  linnet_model* model = NULL;
  linnet_session* session = NULL;
  linnet_model_info info;
  linnet_output output;
  check(linnet_model_open(path, NULL, &model, &why) == LINNET_OK, "a classifier");
  linnet_model_describe(model, &info);
  check(info.has_encoder && info.labels > 1, "an encoder with labels");
  check(linnet_session_open(model, NULL, NULL, &session, &why) == LINNET_OK, "its session");
  check(linnet_encode(session, &texts, &why) == LINNET_OK, "two texts");
  check(linnet_session_output(session, 0, &output, &why) == LINNET_OK, "what it made of them");
  check(output.rows == 2 && output.columns == info.labels && output.per_text, "a row per text");
  linnet_output none;
  check(
      linnet_session_output(session, info.encoder_outputs, &none, &why) == LINNET_INVALID_ARGUMENT,
      "an output that it does not have");
  float* scores = malloc(info.labels * sizeof(float));
  float sum = 0;
  linnet_model_label_scores(model, output.values, scores);
  for (size_t i = 0; i < info.labels; ++i) {
    check(linnet_model_label(model, i) != NULL, "a label");
    sum += scores[i];
  }
  check(linnet_model_label(model, info.labels) == NULL, "no label beyond the last");
  check(info.label_function != LINNET_LABEL_SOFTMAX || (sum > 0.999f && sum < 1.001f),
        "probabilities sum to one");
  free(scores);
  linnet_session_close(session);
  linnet_model_close(model);
}

static void check_translator(const char* path) {
  const int32_t source[] = {5, 6, 7};
  const size_t length = 3;
  const linnet_texts text = {source, NULL, NULL, &length, 1};
  const int32_t tokens[] = {8, 9};
  const uint32_t parents[] = {0, 0};
  int32_t ids[8];
  linnet_message why;
  linnet_model* model = NULL;
  linnet_session* session = NULL;
  linnet_translated translated;
  linnet_model_info info;
  check(linnet_model_open(path, NULL, &model, &why) == LINNET_OK, "an encoder-decoder");
  linnet_model_describe(model, &info);
  linnet_session_options options = linnet_session_options_defaults();
  options.beams = 2;
  options.context = 32;
  check(linnet_session_open(model, &options, NULL, &session, &why) == LINNET_OK, "its session");
  linnet_translate_options translate = linnet_translate_options_defaults(model);
  translate.beams = 2;
  translate.max_tokens = 8;
  check(
      linnet_translate_ids(session, source, 3, &translate, ids, 8, &translated, &why) == LINNET_OK,
      "a translation");
  check(translated.tokens > 0 && translated.tokens <= 8, "of a few tokens");
  const linnet_status status =
      linnet_translate(session, "text", 4, &translate, append, NULL, NULL, &why);
  check(info.has_tokenizer || status == LINNET_UNSUPPORTED, "text needs a tokenizer");

  float* logits = malloc(2 * info.vocabulary * sizeof(float));
  check(linnet_encode(session, &text, &why) == LINNET_OK, "a source");
  check(linnet_run(session, tokens, 1, logits, &why) == LINNET_OK, "the decoder's first token");
  check(linnet_run_beams(session, tokens, parents, 2, logits, &why) == LINNET_OK, "two hypotheses");
  free(logits);
  linnet_session_close(session);
  linnet_model_close(model);
}

static void check_text(const linnet_model* model) {
  const char* sentence = "The people of the United States";
  int32_t ids[64];
  char back[128];
  size_t count = 0;
  size_t size = 0;
  linnet_message why;
  check(
      linnet_tokenize(model, sentence, strlen(sentence), false, ids, 64, &count, &why) == LINNET_OK,
      "tokenize");
  check(count > 0 && count < 64, "a sensible number of tokens");
  int32_t pair[128];
  int32_t types[128];
  size_t pair_count = 0;
  check(linnet_tokenize_pair(model, sentence, strlen(sentence), "The", 3, false, pair, types, 128,
                             &pair_count, &why) == LINNET_OK,
        "tokenize a pair");
  check(pair_count > count && memcmp(pair, ids, count * sizeof ids[0]) == 0,
        "a pair begins with its first text");
  check(types[0] == 0 && types[pair_count - 1] == 1, "a pair's texts have types of their own");
  check(linnet_tokenize_pair(model, sentence, strlen(sentence), NULL, 0, false, pair, NULL, 128,
                             &pair_count, &why) == LINNET_OK &&
            pair_count == count,
        "a text without a second one, and without room for types");
  check(linnet_detokenize(model, ids, count, false, back, sizeof back, &size, &why) == LINNET_OK,
        "detokenize");
  check(size == strlen(sentence) && memcmp(back, sentence, size) == 0, "tokens give the text back");
}

static void check_generation(const linnet_model* model) {
  struct text texts[2] = {{{0}, 0}, {{0}, 0}};
  linnet_message why;
  linnet_generate_options options = linnet_generate_options_defaults(model);
  options.max_tokens = 16;
  options.temperature = 0.8f;
  options.seed = 7;
  for (int i = 0; i < 2; ++i) {
    linnet_session* session = NULL;
    linnet_generated generated;
    check(linnet_session_open(model, NULL, NULL, &session, &why) == LINNET_OK,
          "a session with defaults");
    check(linnet_generate(session, "It was", 6, &options, append, &texts[i], &generated, &why) ==
              LINNET_OK,
          "text");
    check(generated.tokens <= 16 && generated.prompt_tokens > 0, "counts of tokens");
    linnet_session_close(session);
  }
  check(texts[0].size > 0, "some text");
  check(
      texts[0].size == texts[1].size && memcmp(texts[0].bytes, texts[1].bytes, texts[0].size) == 0,
      "the same seed gives the same text");
}

static void check_session(const linnet_model* model) {
  const int32_t tokens[] = {5, 6, 7, 8, 9};
  linnet_message why;
  linnet_model_info info;
  linnet_model_describe(model, &info);
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 2;
  linnet_memory memory;
  check(linnet_session_bytes(model, &options, &memory, &why) == LINNET_OK, "planned bytes");
  char* block = malloc(memory.total_bytes + 64);
  float* logits = malloc(info.vocabulary * sizeof(float));
  float* forked_logits = malloc(info.vocabulary * sizeof(float));
  void* aligned = block + (64 - (uintptr_t)block % 64) % 64;
  linnet_session* session = NULL;
  linnet_session* fork = NULL;
  check(linnet_session_open(model, &options, aligned, &session, &why) == LINNET_OK,
        "memory of one's own");
  check(linnet_run(session, tokens, 4, NULL, &why) == LINNET_OK, "tokens without logits");
  check(linnet_session_position(session) == 4, "the position counts tokens");
  check(linnet_session_fork(session, NULL, &fork, &why) == LINNET_OK, "a fork");

  const size_t state_bytes = linnet_state_bytes(session);
  void* state = malloc(state_bytes);
  check(linnet_state_save(session, state, state_bytes, &why) == LINNET_OK, "save");
  check(linnet_run(session, tokens + 4, 1, logits, &why) == LINNET_OK, "one token");
  check(linnet_run(fork, tokens + 4, 1, forked_logits, &why) == LINNET_OK, "one token of the fork");
  check(memcmp(logits, forked_logits, info.vocabulary * sizeof(float)) == 0,
        "the fork gives the same logits");
  linnet_session_reset(fork);
  check(linnet_state_load(fork, state, state_bytes, &why) == LINNET_OK, "load");
  check(linnet_run(fork, tokens + 4, 1, forked_logits, &why) == LINNET_OK,
        "one token after loading");
  check(memcmp(logits, forked_logits, info.vocabulary * sizeof(float)) == 0,
        "the loaded state too");

  linnet_session_cancel(session);
  check(linnet_run(session, tokens, 1, NULL, &why) == LINNET_CANCELLED, "a run cancelled before");
  check(linnet_session_position(session) == 0, "which leaves the state empty");
  linnet_session_on_progress(session, refuse, NULL);
  check(linnet_run(session, tokens, 5, NULL, &why) == LINNET_CANCELLED, "a cancelled run");
  linnet_session_close(fork);
  linnet_session_close(session);
  free(state);
  free(forked_logits);
  free(logits);
  free(block);
}

static void check_operators(const linnet_model* model) {
  const int32_t tokens[] = {5, 6, 7};
  struct operators seen = {0, 0, 0, true, true};
  linnet_message why;
  linnet_session_options options = linnet_session_options_defaults();
  linnet_session* session = NULL;
  linnet_session* fork = NULL;
  options.chunk = 2;
  check(linnet_session_open(model, &options, NULL, &session, &why) == LINNET_OK, "a session");
  linnet_session_on_operator(session, count_operator, &seen);
  check(linnet_run(session, tokens, 3, NULL, &why) == LINNET_OK, "a watched run");
  check(seen.chunks == 2, "a chunk begins with the operator of index 0");
  check(seen.in_order && seen.named, "operators in order, with names and kinds");
  check(seen.count == 2 * seen.next && seen.next > 1, "every operator of both chunks");

  const size_t before = seen.count;
  check(linnet_session_fork(session, NULL, &fork, &why) == LINNET_OK, "a fork");
  check(linnet_run(fork, tokens, 1, NULL, &why) == LINNET_OK, "a run of the fork");
  linnet_session_on_operator(session, NULL, NULL);
  check(linnet_run(session, tokens, 1, NULL, &why) == LINNET_OK, "a run that nobody watches");
  check(seen.count == before, "neither is told of");
  linnet_session_close(fork);
  linnet_session_close(session);
}

static void check_rewind(const linnet_model* model) {
  const int32_t tokens[] = {5, 6, 7, 8, 9, 10};
  const char* path = "c_api_test.state";
  linnet_message why;
  linnet_model_info info;
  linnet_model_describe(model, &info);
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.chunk = 1;
  linnet_memory memory;
  check(linnet_session_bytes(model, &options, &memory, &why) == LINNET_OK, "planned bytes");
  options.checkpoint_bytes = 4 * memory.one_checkpoint_bytes;
  float* logits = malloc(info.vocabulary * sizeof(float));
  float* again = malloc(info.vocabulary * sizeof(float));
  linnet_session* session = NULL;
  check(linnet_session_open(model, &options, NULL, &session, &why) == LINNET_OK, "checkpoints");
  check(linnet_run(session, tokens, 3, NULL, &why) == LINNET_OK, "three tokens");
  check(linnet_session_checkpoint(session, &why) == LINNET_OK, "a checkpoint");
  check(linnet_state_save_file(session, path, &why) == LINNET_OK, "a state in a file");
  check(linnet_run(session, tokens + 3, 3, logits, &why) == LINNET_OK, "three more");
  uint64_t from = 0;
  check(linnet_session_rewind(session, 4, &from, &why) == LINNET_OK && from == 3,
        "back to the checkpoint");
  check(linnet_run(session, tokens + from, 3, again, &why) == LINNET_OK, "the same tokens");
  check(memcmp(logits, again, info.vocabulary * sizeof(float)) == 0, "the same logits");
  check(linnet_state_load_file(session, path, &why) == LINNET_OK &&
            linnet_session_position(session) == 3,
        "the state from its file");
  check(linnet_state_load_file(session, "no-such.state", &why) == LINNET_IO_ERROR,
        "a missing state");
  linnet_session_close(session);
  remove(path);
  free(again);
  free(logits);
}

static void check_batch(const linnet_model* model) {
  const int32_t tokens[] = {5, 6};
  linnet_message why;
  linnet_model_info info;
  linnet_model_describe(model, &info);
  linnet_session_options options = linnet_session_options_defaults();
  options.threads = 1;
  options.batch = 2;
  linnet_session* sessions[2] = {NULL, NULL};
  check(linnet_session_open(model, &options, NULL, &sessions[0], &why) == LINNET_OK, "a host");
  check(linnet_session_open(model, &options, NULL, &sessions[1], &why) == LINNET_OK, "a guest");
  float* logits = malloc(2 * info.vocabulary * sizeof(float));
  check(linnet_run_batch(sessions, tokens, 2, logits, &why) == LINNET_OK, "a batch");
  check(linnet_session_position(sessions[1]) == 1, "each has run a token");
  check(memcmp(logits, logits + info.vocabulary, info.vocabulary * sizeof(float)) != 0,
        "each its own");
  linnet_session_close(sessions[1]);
  sessions[1] = sessions[0];
  check(linnet_run_batch(sessions, tokens, 2, logits, &why) == LINNET_INVALID_ARGUMENT,
        "the same session twice");
  check(linnet_run_batch(NULL, tokens, 2, logits, &why) == LINNET_INVALID_ARGUMENT, "no sessions");
  sessions[1] = NULL;
  check(linnet_run_batch(sessions, tokens, 2, logits, &why) == LINNET_INVALID_ARGUMENT,
        "a NULL session");
  linnet_session_close(sessions[0]);
  free(logits);
}

static bool count_token(int32_t id, const char* text, size_t size, void* context) {
  (void)text;
  (void)size;
  if (id >= 0) ++*(size_t*)context;
  return true;
}

static void check_ids(const linnet_model* model) {
  const int32_t prompt[] = {5, 6, 7};
  size_t count = 0;
  linnet_message why;
  linnet_generated generated;
  linnet_session* session = NULL;
  linnet_generate_options options = linnet_generate_options_defaults(model);
  options.max_tokens = 4;
  options.ignore_end = true;
  check(linnet_session_open(model, NULL, NULL, &session, &why) == LINNET_OK, "a session");
  check(linnet_generate_ids(session, prompt, 3, &options, count_token, &count, &generated, &why) ==
            LINNET_OK,
        "tokens from ids");
  check(count == 4 && generated.tokens == 4 && generated.prompt_tokens == 3, "each is handed over");
  check(linnet_generate_ids(session, prompt, 0, &options, count_token, &count, &generated, &why) ==
            LINNET_INVALID_ARGUMENT,
        "no prompt");
  linnet_session_close(session);
}

int main(int argc, char** argv) {
  linnet_message why;
  linnet_model* model = NULL;
  if (argc != 4) {
    fprintf(stderr, "usage: linnet_c_test MODEL.linnet CLASSIFIER.linnet TRANSLATOR.linnet\n");
    return 2;
  }
  check_errors();
  if (linnet_model_open(argv[1], NULL, &model, &why) != LINNET_OK) {
    fprintf(stderr, "failed: %s\n", why.text);
    return 1;
  }
  check_text(model);
  check_generation(model);
  check_session(model);
  check_operators(model);
  check_rewind(model);
  check_batch(model);
  check_ids(model);
  linnet_model_close(model);
  check_ways_to_open(argv[1]);
  check_classifier(argv[2]);
  check_translator(argv[3]);
  return failures == 0 ? 0 : 1;
}
