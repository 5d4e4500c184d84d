package org.linnet;

import static org.junit.Assert.assertArrayEquals;
import static org.junit.Assert.assertEquals;
import static org.junit.Assert.assertFalse;
import static org.junit.Assert.assertThrows;
import static org.junit.Assert.assertTrue;
import static org.linnet.Failures.assertFails;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.Rule;
import org.junit.Test;

/** Classifiers and embeddings, beside what the reference made of them. */
public class EncoderTest {
  // Both add floats in orders of their own; the values are about 1.
  private static final float ROUNDING = 1e-4f;

  @Rule public final NothingLeft nothingLeft = new NothingLeft();

  private static Tokens text(String folder) throws IOException {
    return new Tokens(
        TestFiles.ints(folder, "input_ids"), TestFiles.ints(folder, "token_type_ids"));
  }

  /** A row of the padded batch, without its padding. */
  private static Tokens batchText(String folder, int row) throws IOException {
    int[] ids = TestFiles.ints(folder, "batch_input_ids");
    int[] types = TestFiles.ints(folder, "batch_token_type_ids");
    int[] mask = TestFiles.ints(folder, "batch_attention_mask");
    int begin = row * ids.length / 2;
    int length = Arrays.stream(mask, begin, begin + ids.length / 2).sum();
    return new Tokens(Arrays.copyOfRange(ids, begin, begin + length),
        Arrays.copyOfRange(types, begin, begin + length));
  }

  @Test
  public void aClassifierGivesTheReferencesLogits() throws IOException {
    try (Model model = Model.open(TestFiles.model("classifier").toString());
         Session session = Session.open(model, new SessionOptions().chunk(96))) {
      session.encode(text("bert_seqcls"));
      Output output = session.output(0);
      assertEquals("logits", output.name());
      assertTrue(output.perText());
      assertEquals(1, output.rows());
      assertEquals(3, output.columns());
      assertArrayEquals(TestFiles.floats("bert_seqcls", "logits"), output.row(0), ROUNDING);

      session.encode(batchText("bert_seqcls", 0), batchText("bert_seqcls", 1));
      assertArrayEquals(TestFiles.floats("bert_seqcls", "batch_logits"),
          session.output("logits").values(), ROUNDING);
      assertThrows(IndexOutOfBoundsException.class, () -> output.row(1));
    }
  }

  @Test
  public void aTextHasLabels() {
    try (Model model = Model.open(TestFiles.model("classifier").toString());
         Session session = Session.open(model)) {
      assertEquals(Arrays.asList("LABEL_0", "LABEL_1", "LABEL_2"), model.info().labels());
      List<Label> labels = session.classify("Good morning 😀");
      assertEquals(3, labels.size());
      assertTrue(labels.get(0).score() >= labels.get(1).score());
      assertTrue(labels.get(1).score() >= labels.get(2).score());
      double sum = labels.stream().mapToDouble(Label::score).sum();
      assertEquals(1, sum, 1e-6);

      session.encode(model.tokens("Good morning 😀", true));
      float[] scores = model.labelScores(session.output("logits").row(0));
      int best = Integer.parseInt(labels.get(0).name().substring("LABEL_".length()));
      assertEquals(labels.get(0).score(), scores[best], 0);
      assertThrows(IllegalArgumentException.class, () -> model.labelScores(new float[2]));
    }
  }

  @Test
  public void anEmbeddingIsTheReferences() throws IOException {
    try (Model model = Model.open(TestFiles.model("embedder").toString());
         Session session = Session.open(model)) {
      session.encode(text("bert_embed"));
      float[] expected = TestFiles.floats("bert_embed", "sentence_embedding");
      assertArrayEquals(expected, session.output("sentence_embedding").row(0), ROUNDING);
      Output states = session.output("last_hidden_state");
      assertFalse(states.perText());
      assertArrayEquals(
          TestFiles.floats("bert_embed", "last_hidden_state"), states.values(), ROUNDING);

      float[] vector = session.embed("What a day!");
      double square = 0;
      for (float x : vector) square += x * x;
      assertEquals(1, square, 1e-5);
      assertFalse(Arrays.equals(vector, session.embed("good morning")));
      assertArrayEquals(vector, session.embed("What a day!"), 0);
    }
  }

  @Test
  public void whatAnEncoderDoesNotHaveIsNamed() {
    try (Model model = Model.open(TestFiles.model("classifier").toString());
         Session session = Session.open(model)) {
      assertFails(
          Status.UNSUPPORTED, () -> session.embed("a"), "no output 'sentence_embedding'", "logits");
      assertFails(Status.UNSUPPORTED, () -> session.run(1), "encode");
      assertFails(Status.UNSUPPORTED, () -> session.generate("a", text -> true), "encoder");
      assertFails(Status.INVALID_ARGUMENT, session::encode);
      assertFails(Status.INVALID_ARGUMENT, () -> session.encode(new Tokens(100000)), "100000");
      assertThrows(LinnetException.class, () -> session.encode(new Tokens(1), new Tokens()));
      assertThrows(LinnetException.class, () -> session.encode(new Tokens(new int[65])));
    }
  }
}
