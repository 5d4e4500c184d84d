package org.linnet;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The models that the build has converted, and what a reference made of them. */
final class TestFiles {
  private TestFiles() {}

  /** Writes English. */
  static Path bundled() {
    return Paths.get(System.getProperty("linnet.bundled"));
  }

  /** "classifier", "embedder", "emoji" or "translator". */
  static Path model(String name) {
    return Paths.get(System.getProperty("linnet.models"), name + ".linnet");
  }

  /** A tensor of a safetensors file: a length, a description in JSON, and then the values. */
  static ByteBuffer reference(String folder, String tensor) throws IOException {
    Path path = Paths.get(System.getProperty("linnet.golden"), folder, "expected.safetensors");
    ByteBuffer file = ByteBuffer.wrap(Files.readAllBytes(path)).order(ByteOrder.LITTLE_ENDIAN);
    int header = Math.toIntExact(file.getLong(0));
    String json = new String(file.array(), 8, header, StandardCharsets.UTF_8);
    Matcher found =
        Pattern.compile("\"" + tensor + "\":\\{[^}]*\"data_offsets\":\\[(\\d+),(\\d+)\\]")
            .matcher(json);
    if (!found.find())
      throw new IOException(path + " has no " + tensor);
    int begin = 8 + header + Integer.parseInt(found.group(1));
    int end = 8 + header + Integer.parseInt(found.group(2));
    file.position(begin).limit(end);
    return file.slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  static float[] floats(String folder, String tensor) throws IOException {
    ByteBuffer bytes = reference(folder, tensor);
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  static int[] ints(String folder, String tensor) throws IOException {
    ByteBuffer bytes = reference(folder, tensor);
    int[] values = new int[bytes.remaining() / Integer.BYTES];
    bytes.asIntBuffer().get(values);
    return values;
  }
}
