package org.linnet;

import java.io.Closeable;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The immutable weights and graph of one model file, used by any number of threads and sessions at
 * once.
 *
 * <p>Sessions keep their model alive: after {@link #close} none can be opened, and the memory is
 * given back when the last of them is closed. A closed model used again throws
 * IllegalStateException. Every call that fails throws {@link LinnetException}.
 */
public final class Model implements Closeable {
  private static final int ALIGNMENT = 64;
  private static final int MORE_IDS_THAN_BYTES = 8;

  final Handle handle;
  private final ModelInfo info;

  /** `memory`, if not null, holds the file's bytes and stays as long as the native model. */
  private Model(long address, ByteBuffer memory) {
    handle = new Handle(this, "model", address, new Free(memory));
    info = new ModelInfo(Native.modelTexts(address), Native.modelNumbers(address));
  }

  /** The version of the native library. */
  public static String linnetVersion() {
    return Native.text(Native.version());
  }

  /** Maps and verifies a file and packs its matrices for this machine. */
  public static Model open(String path) {
    return open(path, null);
  }

  /** @param progress told while weights are packed; may be null */
  public static Model open(String path, Progress progress) {
    if (path.indexOf('\0') >= 0)
      throw new IllegalArgumentException("a path with a zero in it");
    Handle.freeForgotten();
    return new Model(Native.openPath(Native.bytes(path + '\0'), progress), null);
  }

  /**
   * The same for a part of an open file, such as an asset that lies uncompressed in a package.
   *
   * @param descriptor the number of a file descriptor, which may be closed afterwards
   * @param offset a multiple of 64; where it isn't, read the bytes into an {@link #alignedBuffer}
   * @param size 0: up to the end of the file
   * @param progress may be null
   */
  public static Model open(int descriptor, long offset, long size, Progress progress) {
    if (offset < 0 || size < 0) {
      throw new IllegalArgumentException("a part of " + size + " bytes from " + offset);
    }
    Handle.freeForgotten();
    return new Model(Native.openDescriptor(descriptor, offset, size, progress), null);
  }

  /**
   * The same for the bytes of a direct buffer between its position and its limit. The first must
   * lie on a 64-byte boundary, as those of an {@link #alignedBuffer} and of a file mapped from its
   * beginning do; none may change while the model or a session of it is open.
   *
   * @param progress may be null
   */
  public static Model open(ByteBuffer bytes, Progress progress) {
    if (!bytes.isDirect())
      throw new IllegalArgumentException("the buffer is not direct");
    Handle.freeForgotten();
    return new Model(Native.borrow(bytes, bytes.position(), bytes.remaining(), progress), bytes);
  }

  /** A direct buffer that a model can be read into and opened from. */
  public static ByteBuffer alignedBuffer(int size) {
    ByteBuffer room = ByteBuffer.allocateDirect(Math.addExact(size, ALIGNMENT));
    int begin = Native.bytesToAlignment(room, ALIGNMENT);
    room.position(begin).limit(begin + size);
    return room.slice();
  }

  public ModelInfo info() {
    return info;
  }

  /** The exact memory of a session with these options. */
  public SessionMemory sessionMemory(SessionOptions options) {
    try (Handle.Use model = handle.share()) {
      long[] bytes = Native.sessionBytes(model.address, options.threads, options.chunk,
          options.context, options.allLogits, options.beams);
      return new SessionMemory(bytes[0], bytes[1], bytes[2]);
    }
  }

  /** How this model prefers its text to be chosen, to be changed at will. */
  public GenerateOptions generateOptions() {
    try (Handle.Use model = handle.share()) {
      return generateOptions(model);
    }
  }

  static GenerateOptions generateOptions(Handle.Use model) {
    long[] integers = new long[2];
    float[] fractions = new float[4];
    Native.generateDefaults(model.address, integers, fractions);
    GenerateOptions options = new GenerateOptions();
    options.maxTokens = integers[0];
    options.topK = (int) integers[1];
    options.temperature = fractions[0];
    options.topP = fractions[1];
    options.minP = fractions[2];
    options.repetitionPenalty = fractions[3];
    return options;
  }

  /** How this model prefers to translate, to be changed at will. */
  public TranslateOptions translateOptions() {
    long[] integers = new long[5];
    float[] fractions = new float[1];
    try (Handle.Use model = handle.share()) {
      Native.translateDefaults(model.address, integers, fractions);
    }
    TranslateOptions options = new TranslateOptions();
    options.beams = (int) integers[0];
    options.maxTokens = integers[1];
    options.minTokens = integers[2];
    options.noRepeat = (int) integers[3];
    options.forcedFirst = (int) integers[4];
    options.lengthPenalty = fractions[0];
    return options;
  }

  /**
   * Token ids of a text.
   *
   * @param specialTokens put the model's begin-of-text and the like around the text
   */
  public int[] tokenize(String text, boolean specialTokens) {
    byte[] bytes = Native.bytes(text);
    try (Handle.Use model = handle.share()) {
      int[] ids = new int[bytes.length + MORE_IDS_THAN_BYTES];
      int count = Native.tokenize(model.address, bytes, specialTokens, ids);
      if (count > ids.length) {
        ids = new int[count];
        Native.tokenize(model.address, bytes, specialTokens, ids);
      }
      return Arrays.copyOf(ids, count);
    }
  }

  /** The same for a text with a token type for each id, as {@link Session#encode} takes them. */
  public Tokens tokens(String text, boolean specialTokens) {
    return tokens(text, null, specialTokens);
  }

  /**
   * The same for a pair of texts that the model reads as one.
   *
   * @param second null: there is none
   */
  public Tokens tokens(String first, String second, boolean specialTokens) {
    try (Handle.Use model = handle.share()) {
      return tokens(model, first, second, specialTokens);
    }
  }

  static Tokens tokens(Handle.Use model, String first, String second, boolean specialTokens) {
    byte[] bytes = Native.bytes(first);
    byte[] others = second != null ? Native.bytes(second) : null;
    int room = bytes.length + (second != null ? others.length : 0) + MORE_IDS_THAN_BYTES;
    while (true) {
      int[] ids = new int[room];
      int[] types = new int[room];
      int count = Native.tokenizePair(model.address, bytes, others, specialTokens, ids, types);
      if (count <= room)
        return new Tokens(Arrays.copyOf(ids, count), Arrays.copyOf(types, count));
      room = count;
    }
  }

  /**
   * The text of ids that begin one. What is no UTF-8, as where the ids end within a character,
   * becomes U+FFFD.
   *
   * @param specialTokens print special tokens too
   */
  public String detokenize(int[] ids, boolean specialTokens) {
    return Native.text(detokenizeToBytes(ids, specialTokens));
  }

  /** The same as the bytes that the ids stand for. */
  public byte[] detokenizeToBytes(int[] ids, boolean specialTokens) {
    int[] copy = ids.clone();
    try (Handle.Use model = handle.share()) {
      byte[] bytes = new byte[Math.multiplyExact(8, copy.length)];
      int count = Native.detokenize(model.address, copy, specialTokens, bytes);
      if (count > bytes.length) {
        bytes = new byte[count];
        Native.detokenize(model.address, copy, specialTokens, bytes);
      }
      return Arrays.copyOf(bytes, count);
    }
  }

  /**
   * What a row of a classifier's logits says of each label, in the order of {@link
   * ModelInfo#labels}.
   */
  public float[] labelScores(float[] logits) {
    try (Handle.Use model = handle.share()) {
      return labelScores(model, logits);
    }
  }

  float[] labelScores(Handle.Use model, float[] logits) {
    if (logits.length != info.labels().size()) {
      throw new IllegalArgumentException(
          logits.length + " logits for " + info.labels().size() + " labels");
    }
    float[] scores = new float[logits.length];
    Native.labelScores(model.address, logits, scores);
    return scores;
  }

  /** May be called again, and from any thread. */
  @Override
  public void close() {
    handle.close(address -> {});
  }

  /** Frees a model, and with it lets go of the memory that it lies in. */
  private static final class Free implements Handle.Action {
    @SuppressWarnings("unused") private final ByteBuffer memory;

    Free(ByteBuffer memory) {
      this.memory = memory;
    }

    @Override
    public void apply(long address) {
      Native.closeModel(address);
    }
  }
}
