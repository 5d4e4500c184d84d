package org.linnet.android;

import android.content.Context;
import android.content.pm.PackageInfo;
import android.content.pm.PackageManager;
import android.content.res.AssetFileDescriptor;
import android.content.res.AssetManager;
import java.io.File;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.linnet.Model;
import org.linnet.Progress;

/** Opens models that an app ships among its assets. */
public final class Assets {
  private static final int ALIGNMENT = 64;
  private static final int COPIED_AT_ONCE = 1 << 16;

  private Assets() {}

  /**
   * Opens an asset. One that lies in the package uncompressed and on a 64-byte boundary is mapped
   * where it is; any other is copied once into the app's files, and that copy is mapped, until an
   * update of the app brings another. Takes as long as that copy does: not for the main thread.
   *
   * @param name the asset's path below the folder of assets
   * @param progress told while weights are packed; may be null
   * @throws IOException if there is no such asset, or no room for its copy
   */
  public static Model open(Context context, String name, Progress progress) throws IOException {
    AssetManager assets = context.getAssets();
    try (AssetFileDescriptor asset = assets.openFd(name)) {
      if (asset.getStartOffset() % ALIGNMENT == 0) {
        int descriptor = asset.getParcelFileDescriptor().getFd();
        return Model.open(descriptor, asset.getStartOffset(), asset.getLength(), progress);
      }
    } catch (FileNotFoundException compressedOrMissing) {
      // Whichever it is, opening it as a stream tells.
    }
    return Model.open(copyOf(context, assets, name).getPath(), progress);
  }

  private static synchronized File copyOf(Context context, AssetManager assets, String name)
      throws IOException {
    File folder = new File(context.getNoBackupFilesDir(), "linnet/" + name);
    File copy = new File(folder, lastUpdate(context) + ".linnet");
    if (copy.exists())
      return copy;
    try (InputStream from = assets.open(name, AssetManager.ACCESS_STREAMING)) {
      if (!folder.isDirectory() && !folder.mkdirs()) {
        throw new IOException(folder + ": cannot be made");
      }
      for (File outdated : folder.listFiles()) outdated.delete();
      // Written beside its place and then renamed: what is there is whole.
      File part = File.createTempFile("copy", ".part", folder);
      try {
        copy(from, part);
        if (!part.renameTo(copy))
          throw new IOException(copy + ": cannot be written");
      } finally {
        part.delete();
      }
    }
    return copy;
  }

  private static void copy(InputStream from, File to) throws IOException {
    byte[] bytes = new byte[COPIED_AT_ONCE];
    try (OutputStream out = new FileOutputStream(to)) {
      for (int size = from.read(bytes); size >= 0; size = from.read(bytes)) {
        out.write(bytes, 0, size);
      }
    }
  }

  private static long lastUpdate(Context context) throws IOException {
    try {
      PackageInfo app = context.getPackageManager().getPackageInfo(context.getPackageName(), 0);
      return app.lastUpdateTime;
    } catch (PackageManager.NameNotFoundException impossible) {
      throw new IOException(impossible);
    }
  }
}
