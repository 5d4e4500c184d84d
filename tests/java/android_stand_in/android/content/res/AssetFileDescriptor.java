package android.content.res;

import android.os.ParcelFileDescriptor;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;

/** What org.linnet.android asks of Android's class of this name. */
public class AssetFileDescriptor implements Closeable {
  private final ParcelFileDescriptor descriptor;
  private final long offset;
  private final long length;

  AssetFileDescriptor(Path file, long offset, long length) throws IOException {
    descriptor = new ParcelFileDescriptor(file);
    this.offset = offset;
    this.length = length;
  }

  public ParcelFileDescriptor getParcelFileDescriptor() {
    return descriptor;
  }

  public long getStartOffset() {
    return offset;
  }

  public long getLength() {
    return length;
  }

  @Override
  public void close() throws IOException {
    descriptor.close();
  }
}
