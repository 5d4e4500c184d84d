package org.linnet;

import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertTrue;
import static org.linnet.Failures.assertClosed;
import static org.linnet.Failures.assertFails;

import java.io.IOException;
import org.junit.Rule;
import org.junit.Test;

/** An encoder-decoder whose tokens are emoji. */
public class TranslateTest {
  @Rule public final NothingLeft nothingLeft = new NothingLeft();

  @Test
  public void aTextBecomesTheReferencesTokens() throws IOException {
    try (Model model = Model.open(TestFiles.model("translator").toString());
         Session session = Session.open(model, new SessionOptions().beams(4))) {
      int[] expected = TestFiles.ints("marian", "greedy_ids");
      String source = model.detokenize(TestFiles.ints("marian", "input_ids"), false);
      // The last token that may be is forced to end the text, which the reference's was not.
      TranslateOptions options = model.translateOptions().beams(1).maxTokens(expected.length + 1);
      Translated translated = session.translate(source, options);
      assertEquals(model.detokenize(expected, false), translated.text());
      assertTrue(translated.score() < 0 && translated.sourceTokens() > 1);

      Translated searched = session.translate(source, options.beams(4).lengthPenalty(0));
      assertTrue(searched.tokens() <= expected.length + 1);
      assertFails(Status.INVALID_ARGUMENT, () -> session.translate(source, options.beams(5)), "5");
    }
  }

  @Test
  public void whatCannotTranslateIsNamed() {
    Session session;
    try (Model model = Model.open(TestFiles.bundled().toString())) {
      session = Session.open(model);
      TranslateOptions options = model.translateOptions();
      assertFails(
          Status.UNSUPPORTED, () -> session.translate("a", options), "not an encoder-decoder");
      session.close();
      assertClosed(() -> session.translate("a", options));
    }
  }
}
