package android.content;

import android.content.pm.PackageManager;
import android.content.res.AssetManager;
import java.io.File;

/** What org.linnet.android asks of Android's class of this name. */
public class Context {
  private final AssetManager assets;
  private final PackageManager packages;
  private final File files;

  public Context(AssetManager assets, PackageManager packages, File files) {
    this.assets = assets;
    this.packages = packages;
    this.files = files;
  }

  public AssetManager getAssets() {
    return assets;
  }

  public PackageManager getPackageManager() {
    return packages;
  }

  public String getPackageName() {
    return "org.linnet.test";
  }

  public File getNoBackupFilesDir() {
    return files;
  }
}
