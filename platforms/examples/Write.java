// Continues a text: java Write.java MODEL.linnet PROMPT
import org.linnet.GenerateOptions;
import org.linnet.LinnetException;
import org.linnet.Model;
import org.linnet.Session;

public final class Write {
  private Write() {}

  public static void main(String[] arguments) {
    if (arguments.length != 2) {
      System.err.println("usage: java Write.java MODEL.linnet PROMPT");
      System.exit(2);
    }
    try (Model model = Model.open(arguments[0]); Session session = Session.open(model)) {
      GenerateOptions options = model.generateOptions().maxTokens(32);
      session.generate(arguments[1], options, text -> {
        System.out.print(text);
        return !System.out.checkError(); // which also flushes
      });
      System.out.println();
    } catch (LinnetException failure) {
      System.err.println("cannot write: " + failure.getMessage());
      System.exit(1);
    }
  }
}
