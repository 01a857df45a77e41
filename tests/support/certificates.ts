/** Certificates for tests. */

/** What {@link makeCertificates} made. */
export interface Certificates {
  /** Path of the authority's certificate. */
  readonly ca: string;
  /** The hosts' certificate and key, as PEM text. */
  readonly cert: string;
  readonly key: string;
}

/**
 * A certificate authority and a certificate of it for `hosts`, made with openssl.
 *
 * @param dir Where the files go.
 */
export async function makeCertificates(
  hosts: readonly string[],
  dir: string,
): Promise<Certificates> {
  const run = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("openssl", {
      args,
      cwd: dir,
      stdout: "null",
    })
      .output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  };
  const subject = (name: string) => ["-subj", `/CN=${name}`];
  await run(
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    ...subject("Test authority"),
  );
  await run(
    "req",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-keyout",
    "s.key",
    "-out",
    "s.csr",
    ...subject(hosts[0] ?? "localhost"),
  );
  Deno.writeTextFileSync(
    `${dir}/ext`,
    `subjectAltName=${hosts.map((host) => `DNS:${host}`).join()}\nbasicConstraints=CA:FALSE\n`,
  );
  await run(
    "x509",
    "-req",
    "-in",
    "s.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-days",
    "2",
    "-extfile",
    "ext",
    "-out",
    "s.pem",
  );
  const read = (name: string) => Deno.readTextFileSync(`${dir}/${name}`);
  return { ca: `${dir}/ca.pem`, cert: read("s.pem"), key: read("s.key") };
}
