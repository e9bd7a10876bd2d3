package comporta

import java.io.IOException
import java.nio.charset.StandardCharsets.UTF_8
import java.nio.file.FileAlreadyExistsException
import java.util.{Arrays, Iterator => Lines}

import io.delta.storage.S3SingleDriverLogStore
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.{FileSystem, Path}

/**
 * Delta's log on S3, where a version is written only if it is not there: `If-None-Match: *`, by Hadoop's own option for it.
 *
 * Delta's store asks whether the version is there and then writes it whatever is: of two drivers that ask at once, one loses its
 * commit in silence. All but the writing of a new file is as Delta has it. Compiled by `log_store.py`; decision 0018.
 */
class ConditionalLogStore(known: Configuration) extends S3SingleDriverLogStore(known) {

  /** Throws FileAlreadyExistsException, which Delta takes for another's commit, if the file is there and is not what we wrote. */
  override def write(path: Path, actions: Lines[String], overwrite: java.lang.Boolean, conf: Configuration): Unit =
    if (overwrite) super.write(path, actions, overwrite, conf)
    else {
      val text = new StringBuilder
      actions.forEachRemaining(line => text.append(line).append('\n'))
      create(path.getFileSystem(conf), path, text.toString.getBytes(UTF_8))
    }

  private def create(fs: FileSystem, path: Path, bytes: Array[Byte]): Unit =
    try {
      val out = fs.createFile(path).must("fs.option.create.conditional.overwrite", true).build()
      try out.write(bytes) finally out.close()
    } catch {
      case failed: IOException =>
        // An attempt whose answer got lost is refused when it is made again, as another's would be. A commit has an id: nobody
        // else writes the same bytes.
        val there = try content(fs, path) catch { case _: IOException => throw failed }
        if (!Arrays.equals(there, bytes)) throw new FileAlreadyExistsException(path.toString)
    }

  private def content(fs: FileSystem, path: Path): Array[Byte] = {
    val in = fs.open(path)
    try in.readAllBytes() finally in.close()
  }
}
