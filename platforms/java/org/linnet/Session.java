package org.linnet;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * One stream of tokens through a model: a state of constant size, and the memory to run a chunk.
 *
 * <p>A session runs one call at a time, on any thread; meanwhile others may call {@link #cancel}
 * and
 * {@link #close}, and any other call throws IllegalStateException. So does every call after {@link
 * #close}. Every call that fails throws {@link LinnetException}.
 */
public final class Session implements Closeable {
  private final Handle handle;
  private final Model model;
  // Keeps the native model alive.
  private final Handle.Use modelUse;
  private final boolean allLogits;
  private volatile RunProgress progress;

  /** Takes over `modelUse`. */
  private Session(Model model, Handle.Use modelUse, long address, boolean allLogits) {
    this.model = model;
    this.modelUse = modelUse;
    this.allLogits = allLogits;
    handle = new Handle(this, "session", address, session -> {
      Native.closeSession(session);
      modelUse.close();
    });
  }

  private interface Opening {
    long open();
  }

  /** The session that `opening` opens; takes over `modelUse`, also where that fails. */
  private static Session own(Model model, Handle.Use modelUse, Opening opening, boolean allLogits) {
    boolean isOpen = false;
    try {
      long address = opening.open();
      isOpen = true;
      return new Session(model, modelUse, address, allLogits);
    } finally {
      if (!isOpen)
        modelUse.close();
    }
  }

  /** A session with empty state and Linnet's own choice of threads and memory. */
  public static Session open(Model model) {
    return open(model, new SessionOptions());
  }

  public static Session open(Model model, SessionOptions options) {
    Handle.freeForgotten();
    Handle.Use use = model.handle.share();
    return own(model, use,
        ()
            -> Native.openSession(use.address, options.threads, options.chunk, options.context,
                options.allLogits, options.beams),
        options.allLogits);
  }

  /** Another session at the same point of the same stream, which then goes its own way. */
  public Session fork() {
    Handle.freeForgotten();
    try (Handle.Use session = handle.alone()) {
      return own(model, modelUse.share(), () -> Native.fork(session.address), allLogits);
    }
  }

  public Model model() {
    return model;
  }

  /**
   * Continues the session with a prompt and streams the model's text. The session afterwards has
   * seen the prompt and every token but the last.
   *
   * @param callback called on this thread; what it throws ends the text and is thrown from here
   */
  public Generated generate(String prompt, GenerateOptions options, TextCallback callback) {
    try (Handle.Use session = handle.alone()) {
      return generate(session, prompt, options, callback, progress);
    }
  }

  /** The same with the model's own choice of options. */
  public Generated generate(String prompt, TextCallback callback) {
    try (Handle.Use session = handle.alone()) {
      GenerateOptions options = Model.generateOptions(modelUse);
      return generate(session, prompt, options, callback, progress);
    }
  }

  /** The same text piece by piece, while another thread writes it. */
  public TextStream stream(String prompt, GenerateOptions options) {
    return new TextStream(this, handle.alone(), prompt, options, progress);
  }

  /** Within a use of this session: the same with a progress of its own, or null. */
  Generated generate(Handle.Use session, String prompt, GenerateOptions options,
      TextCallback callback, RunProgress progress) {
    long[] generated = new long[3];
    Native.generate(modelUse.address, session.address, Native.bytes(prompt), options.maxTokens,
        options.temperature, options.topK, options.topP, options.minP, options.repetitionPenalty,
        options.seed, options.ignoreEnd, callback, progress, generated);
    return new Generated(generated[0], generated[1], StopReason.values()[(int) generated[2]]);
  }

  /** What an encoder-decoder makes of a text, such as a translation or a summary. */
  public Translated translate(String text, TranslateOptions options) {
    long[] counts = new long[2];
    float[] score = new float[1];
    try (Handle.Use session = handle.alone()) {
      byte[] best = Native.translate(modelUse.address, session.address, Native.bytes(text),
          options.beams, options.maxTokens, options.minTokens, options.lengthPenalty,
          options.noRepeat, options.forcedFirst, counts, score);
      return new Translated(Native.text(best), counts[0], counts[1], score[0]);
    }
  }

  /** Runs tokens without asking for logits, which saves the vocabulary's matrix. */
  public void read(int... tokens) {
    try (Handle.Use session = handle.alone()) {
      Native.run(session.address, tokens, null, progress);
    }
  }

  /**
   * Runs tokens of a model that has a decoder, at least one.
   *
   * @return the logits after the last token or, with {@link SessionOptions#allLogits}, after each,
   *     one row behind another
   */
  public float[] run(int... tokens) {
    if (!model.info().hasDecoder()) {
      throw new LinnetException(Status.UNSUPPORTED, "the model is an encoder: encode runs it");
    }
    int rows = allLogits ? tokens.length : 1;
    float[] logits = new float[Math.multiplyExact(rows, model.info().vocabulary())];
    try (Handle.Use session = handle.alone()) {
      Native.run(session.address, tokens, logits, progress);
    }
    return logits;
  }

  /**
   * Runs an encoder over a batch of whole texts, none of them empty and all together no more than
   * the session's chunk. {@link #output(int)} gives what it made of them. In an encoder-decoder the
   * batch is one text, the source of what {@link #run} then decodes.
   */
  public void encode(Tokens... texts) {
    int total = 0;
    int[] lengths = new int[texts.length];
    for (int i = 0; i < texts.length; ++i) {
      lengths[i] = texts[i].ids().length;
      total = Math.addExact(total, lengths[i]);
    }
    int[] ids = new int[total];
    int[] types = new int[total];
    int done = 0;
    for (Tokens text : texts) {
      int length = text.ids().length;
      System.arraycopy(text.ids(), 0, ids, done, length);
      System.arraycopy(text.types(), 0, types, done, length);
      done += length;
    }
    try (Handle.Use session = handle.alone()) {
      Native.encode(session.address, ids, types, lengths);
    }
  }

  /** A copy of output number `index` of the last batch. */
  public Output output(int index) {
    long[] shape = new long[2];
    try (Handle.Use session = handle.alone()) {
      String name = Native.text(Native.outputName(session.address, index, shape));
      float[] values = Native.outputValues(session.address, index);
      return new Output(name, values, (int) shape[0], shape[1] != 0);
    }
  }

  /** The same by its name, such as "last_hidden_state". */
  public Output output(String name) {
    int outputs = model.info().encoderOutputs();
    List<String> names = new ArrayList<>();
    for (int i = 0; i < outputs; ++i) {
      Output output = output(i);
      if (output.name().equals(name))
        return output;
      names.add(output.name());
    }
    throw new LinnetException(
        Status.UNSUPPORTED, "the model has no output '" + name + "', it has " + names);
  }

  /** The vector of a text, pooled and normalised as the model says. */
  public float[] embed(String text) {
    encode(tokens(text));
    return output("sentence_embedding").row(0);
  }

  /** The labels of a text, the likeliest first. */
  @SuppressWarnings("try")
  public List<Label> classify(String text) {
    List<String> names = model.info().labels();
    if (names.isEmpty())
      throw new LinnetException(Status.UNSUPPORTED, "the model has no labels");
    encode(tokens(text));
    float[] logits = output("logits").row(0);
    List<Label> labels = new ArrayList<>();
    try (Handle.Use session = handle.share()) {
      float[] scores = model.labelScores(modelUse, logits);
      for (int i = 0; i < scores.length; ++i) labels.add(new Label(names.get(i), scores[i]));
    }
    Collections.sort(labels, (a, b) -> Float.compare(b.score(), a.score()));
    return labels;
  }

  /** The session is used meanwhile, since it is what keeps a closed model alive. */
  @SuppressWarnings("try")
  private Tokens tokens(String text) {
    try (Handle.Use session = handle.share()) {
      return Model.tokens(modelUse, text, null, true);
    }
  }

  /** Told between chunks of run and generate; null: nobody is. */
  public void onProgress(RunProgress wanted) {
    progress = wanted;
  }

  /**
   * Stops the call that runs now, from any thread, before its next operator; with none running, the
   * next call. That call fails with {@link Status#CANCELLED}, and the state is empty then. To keep
   * it, return false from a callback or a progress.
   */
  public void cancel() {
    try (Handle.Use session = handle.share()) {
      Native.cancel(session.address);
    }
  }

  /** Tokens since the state was empty. */
  public long position() {
    try (Handle.Use session = handle.alone()) {
      return Native.position(session.address);
    }
  }

  /** Empties the state. */
  public void reset() {
    try (Handle.Use session = handle.alone()) {
      Native.reset(session.address);
    }
  }

  /** What the session remembers, as a value. */
  public byte[] saveState() {
    try (Handle.Use session = handle.alone()) {
      byte[] state = new byte[Math.toIntExact(Native.stateBytes(session.address))];
      Native.saveState(session.address, state);
      return state;
    }
  }

  /**
   * Replaces the state by a saved one. The state of another model, or of other capacities, is
   * refused and nothing changes.
   */
  public void loadState(byte[] state) {
    try (Handle.Use session = handle.alone()) {
      Native.loadState(session.address, state);
    }
  }

  /** May be called again, and from any thread; a call that runs is cancelled. */
  @Override
  public void close() {
    handle.close(Native::cancel);
  }
}
