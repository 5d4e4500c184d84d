/* The C interface, seen by a C99 compiler: opens a model, plans and opens a session in memory of
 * its own, runs tokens, writes text, forks and saves state, and reads what errors say.
 *   linnet_c_test MODEL.linnet
 */
#include <linnet/linnet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
  linnet_model_close(NULL);
  linnet_session_close(NULL);
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
  if (argc != 2) {
    fprintf(stderr, "usage: linnet_c_test MODEL.linnet\n");
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
  return failures == 0 ? 0 : 1;
}
