// Passkeys: asks the browser for one with the options that the page or the server has, and sends the form with it.

const bytes = (text) => {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (one) => one.charCodeAt(0));
};

const text = (buffer) => {
  if (!buffer) return undefined;
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
};

const keys = (list) => list?.map((one) => ({ ...one, id: bytes(one.id) }));

async function create(options, alone) {
  const publicKey = { ...options.publicKey };
  publicKey.challenge = bytes(publicKey.challenge);
  publicKey.user = { ...publicKey.user, id: bytes(publicKey.user.id) };
  publicKey.excludeCredentials = keys(publicKey.excludeCredentials) ?? [];
  publicKey.authenticatorSelection = {
    ...publicKey.authenticatorSelection,
    residentKey: alone ? "required" : "discouraged",
    requireResidentKey: alone,
    ...(alone ? { userVerification: "required" } : {}),
  };
  const made = await navigator.credentials.create({ publicKey });
  const { response } = made;
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, authenticatorAttachment: made.authenticatorAttachment ?? undefined,
    clientExtensionResults: made.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject),
      transports: response.getTransports?.() ?? [],
    },
  };
}

async function get(options) {
  const publicKey = { ...options.publicKey };
  publicKey.challenge = bytes(publicKey.challenge);
  publicKey.allowCredentials = keys(publicKey.allowCredentials);
  const found = await navigator.credentials.get({ publicKey });
  const { response } = found;
  return {
    id: found.id, rawId: text(found.rawId), type: found.type, authenticatorAttachment: found.authenticatorAttachment ?? undefined,
    clientExtensionResults: found.getClientExtensionResults(),
    response: {
      clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData),
      signature: text(response.signature), userHandle: text(response.userHandle),
    },
  };
}

async function optionsOf(box) {
  if (box.dataset.island) return JSON.parse(document.getElementById(box.dataset.island).textContent);
  const answer = await fetch(box.dataset.options, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error("no options");
  return answer.json();
}

function wire(box) {
  const form = document.getElementById(box.dataset.form);
  const button = box.querySelector("button");
  const wrong = box.querySelector(".wrong");
  box.hidden = false;
  button.addEventListener("click", async () => {
    wrong.hidden = true;
    button.disabled = true;
    try {
      const data = await optionsOf(box);
      const credential = box.dataset.passkey === "create"
        ? await create(data.creation_options, form.querySelector("[name=passwordless]").checked)
        : await get(data.request_options);
      form.querySelector("[name=credential]").value = JSON.stringify(credential);
      form.submit();
    } catch {
      // Called off, not supported, or no such passkey: browsers do not tell which, so that pages cannot find out.
      wrong.textContent = wrong.dataset.failed;
      wrong.hidden = false;
      button.disabled = false;
    }
  });
}

if (window.PublicKeyCredential) for (const box of document.querySelectorAll("[data-passkey]")) wire(box);
