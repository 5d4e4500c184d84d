/* Continues a text: write MODEL.linnet PROMPT */
#include <linnet/linnet.h>
#include <stdio.h>
#include <string.h>

static bool print(const char* text, size_t size, void* context) {
  (void)context;
  return fwrite(text, 1, size, stdout) == size && fflush(stdout) == 0;
}

static int fail(const char* what, const linnet_message* why) {
  fprintf(stderr, "%s: %s\n", what, why->text);
  return 1;
}

int main(int count, char** arguments) {
  linnet_message why;
  linnet_model* model = NULL;
  linnet_session* session = NULL;
  int result = 0;
  if (count != 3) {
    fprintf(stderr, "usage: %s MODEL.linnet PROMPT\n", arguments[0]);
    return 2;
  }
  if (linnet_model_open(arguments[1], NULL, &model, &why) != LINNET_OK) {
    return fail("cannot open the model", &why);
  }
  linnet_session_options options = linnet_session_options_defaults();
  options.context = 1024;
  if (linnet_session_open(model, &options, NULL, &session, &why) != LINNET_OK) {
    result = fail("cannot open a session", &why);
  } else {
    linnet_generate_options generate = linnet_generate_options_defaults(model);
    generate.max_tokens = 32;
    const char* prompt = arguments[2];
    if (linnet_generate(session, prompt, strlen(prompt), &generate, print, NULL, NULL, &why) !=
        LINNET_OK) {
      result = fail("cannot write", &why);
    }
    printf("\n");
  }
  linnet_session_close(session);
  linnet_model_close(model);
  return result;
}
