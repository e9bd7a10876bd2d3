package comporta {

import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.{Files, Paths}
import java.security.MessageDigest
import javax.security.sasl.AuthenticationException
import org.apache.hive.service.auth.PasswdAuthenticationProvider

/** Lets in over Thrift who knows the server's token, whatever name they give: the server has no users of its own. */
class TokenAuthentication extends PasswdAuthenticationProvider {
  private val token = Files.readAllBytes(Paths.get(System.getProperty("comporta.token")))

  override def Authenticate(user: String, password: String): Unit =
    if (!MessageDigest.isEqual(token, Option(password).getOrElse("").getBytes(UTF_8)))
      throw new AuthenticationException("not the server's token")
}

}

package org.apache.hive.service.auth {

/** In place of Spark's own, which reads all of Hadoop's and Hive's configuration anew for each session to find the class above. */
class CustomAuthenticationProviderImpl private[auth] () extends PasswdAuthenticationProvider {
  private val ours = new comporta.TokenAuthentication

  override def Authenticate(user: String, password: String): Unit = ours.Authenticate(user, password)
}

}
