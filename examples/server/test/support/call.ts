/** A request to a server's API: a POST where there is a body. Gives the status and the answer. */
export const call = async (base: string, path: string, token: string, body?: unknown) => {
  const response = await fetch(base + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  return [response.status, await response.json()]
}
