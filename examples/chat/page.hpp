// SPDX-License-Identifier: MIT
// The chat's page, as the server sends it.
#pragma once

#include <string_view>

inline constexpr std::string_view page = R"html(<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>goro chat</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
  #log { border: 1px solid #ccc; border-radius: .5rem; height: 60vh; overflow-y: auto; padding: .5rem 1rem; }
  #log p { margin: .25rem 0; overflow-wrap: anywhere; }
  form { display: flex; gap: .5rem; margin-top: 1rem; }
  input { flex: 1; font: inherit; padding: .4rem .6rem; }
  button { font: inherit; padding: .4rem 1rem; }
</style>
<h1>goro chat</h1>
<div id="log" role="log" aria-live="polite" aria-label="Messages"></div>
<form id="form">
  <input id="text" maxlength="1000" autocomplete="off" autofocus aria-label="Your message">
  <button>Send</button>
</form>
<script>
  const log = document.getElementById('log'), text = document.getElementById('text');
  const show = line => { const p = log.appendChild(document.createElement('p')); p.textContent = line; p.scrollIntoView(); };
  const socket = new WebSocket(location.href.replace(/^http/, 'ws') + 'socket');
  socket.onmessage = event => show(event.data);
  socket.onclose = event => show('-- the connection has ended' + (event.reason ? ': ' + event.reason : ''));
  document.getElementById('form').onsubmit = event => {
    event.preventDefault();
    if (text.value) socket.send(text.value);
    text.value = '';
  };
</script>
)html";
