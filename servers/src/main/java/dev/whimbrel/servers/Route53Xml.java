package dev.whimbrel.servers;

import java.io.IOException;
import java.io.StringReader;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerException;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.jspecify.annotations.Nullable;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

/** Route 53's documents, as text and as elements. */
final class Route53Xml {
  static final String NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/";
  private static final String HEAD = "<?xml version=\"1.0\"?>\n";

  private Route53Xml() {}

  /**
   * Reads a document.
   *
   * @throws IllegalArgumentException if it is none
   */
  static Element read(String text) {
    try {
      DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
      factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
      var builder = factory.newDocumentBuilder();
      builder.setErrorHandler(null); // it would print to the console
      Document document = builder.parse(new InputSource(new StringReader(text)));
      return document.getDocumentElement();
    } catch (SAXException e) {
      throw new IllegalArgumentException("Not XML: " + text, e);
    } catch (ParserConfigurationException e) {
      throw new IllegalStateException(e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** An element and what it holds, as text. */
  static String write(Element element) {
    try {
      TransformerFactory factory = TransformerFactory.newInstance();
      factory.setAttribute(XMLConstants.ACCESS_EXTERNAL_DTD, "");
      Transformer transformer = factory.newTransformer();
      transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
      StringWriter text = new StringWriter();
      transformer.transform(new DOMSource(element), new StreamResult(text));
      return text.toString();
    } catch (TransformerException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The element's children of one name. */
  static List<Element> children(Element parent, String name) {
    List<Element> found = new ArrayList<>();
    for (Node at = parent.getFirstChild(); at != null; at = at.getNextSibling()) {
      if (at instanceof Element element && element.getTagName().equals(name)) {
        found.add(element);
      }
    }
    return found;
  }

  /** The text of a child; null where there is none. */
  static @Nullable String child(Element parent, String name) {
    List<Element> children = children(parent, name);
    return children.isEmpty() ? null : children.get(0).getTextContent();
  }

  static String text(Element parent, String name, String otherwise) {
    @Nullable String text = child(parent, name);
    return text == null ? otherwise : text;
  }

  /** The element at the end of a path of children. */
  static Element at(Element from, String... path) {
    Element at = from;
    for (String name : path) {
      List<Element> children = children(at, name);
      if (children.isEmpty()) {
        throw new IllegalArgumentException("No " + name + " in " + write(from));
      }
      at = children.get(0);
    }
    return at;
  }

  /** What Route 53 answers where it refuses. */
  static HttpExchanges.Answer error(int status, String code, String message) {
    return new HttpExchanges.Answer(
        status,
        "text/xml",
        HEAD
            + "<ErrorResponse xmlns=\"%s\"><Error><Type>%s</Type><Code>%s</Code><Message>%s</Message></Error><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ErrorResponse>"
                .formatted(NAMESPACE, status < 500 ? "Sender" : "Receiver", code, escape(message)));
  }

  /** A document of the namespace. */
  static String document(String root, String content) {
    return HEAD + "<%1$s xmlns=\"%2$s\">%3$s</%1$s>".formatted(root, NAMESPACE, content);
  }

  static String escape(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
