package org.linnet;

import static org.junit.Assert.assertEquals;

import org.junit.rules.ExternalResource;

/** Fails a test that leaves a model or session open. */
final class NothingLeft extends ExternalResource {
  private int before;

  @Override
  protected void before() {
    before = Handle.count();
  }

  @Override
  protected void after() {
    assertEquals("native objects left", before, Handle.count());
  }
}
