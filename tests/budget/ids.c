/* The runtime without text: a model runs from ids to logits, and what would need text is refused.
 */
#include <linnet/linnet.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "failed: %s\n", what);
  exit(1);
}

static void check_refused(linnet_status status, const linnet_message* why, const char* what) {
  check(status == LINNET_UNSUPPORTED && strstr(why->text, "LINNET_OPERATOR_LIST") != NULL, what);
}

int main(int argc, char** argv) {
  linnet_message why;
  linnet_model* model = NULL;
  linnet_session* session = NULL;
  const int32_t ids[] = {5, 6, 7};
  size_t count = 0;
  check(argc == 2, "one model is given");
  check(linnet_model_open(argv[1], NULL, &model, &why) == LINNET_OK, "the model opens");
  linnet_model_info info;
  linnet_model_describe(model, &info);
  check(!info.has_tokenizer, "its tokenizer is not seen");
  check(linnet_session_open(model, NULL, NULL, &session, &why) == LINNET_OK, "a session opens");
  float* logits = malloc(info.vocabulary * sizeof *logits);
  check(logits != NULL, "there is memory");
  check(linnet_run(session, ids, 3, logits, &why) == LINNET_OK, "ids run");
  for (uint32_t i = 0; i < info.vocabulary; ++i) check(isfinite(logits[i]), "logits are numbers");

  check_refused(linnet_tokenize(model, "text", 4, true, NULL, 0, &count, &why), &why, "tokenize");
  check_refused(linnet_generate(session, "text", 4, NULL, NULL, NULL, NULL, &why), &why,
                "generate");
  check_refused(linnet_generate_ids(session, ids, 3, NULL, NULL, NULL, NULL, &why), &why,
                "generate from ids");
  free(logits);
  linnet_session_close(session);
  linnet_model_close(model);
  return 0;
}
