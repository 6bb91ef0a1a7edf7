-- `claiming`: the claim of an id whose body must run once, and its result, in two phases. The key is a string of its own for each id.
--
-- A record is "c until waits token" while the body runs: `until` is the microsecond from which the claim may be taken over, `waits` is 1 when
-- a caller waits for the result. Then it is "d" and the result, or "f" and the failure.
--
-- Invariant: only the token in the record can complete it. So each claim has at most one completion, and a claim that was taken over has
-- none.
--
-- - `claiming.prepare(key, token, renew)` returns true when the token may take the claim (or, with `renew`, keep it); the record "d…" or "f…"
--   when it was completed; "w" and the milliseconds after which to ask again; "l" when a renewal comes too late; or an error.
--   Its second result is the token of the claim in the record, if there is one.
--   `claiming.apply(key, token, lease)` writes the claim. `claiming.wait(key)` stores that a caller waits.
-- - `claiming.prepare_end(key, token)` returns the claim as {waits}, false when the token does not have it, or an error.
--   `claiming.apply_end(key, kind, result, window)` stores the result; a `window` of 0 deletes the record.
-- @include now
local claiming = { prepare = nil, apply = nil, wait = nil, prepare_end = nil, apply_end = nil }

-- Milliseconds after its lease in which a claim that nobody took over can still be completed.
local GRACE = 60000

local function parsed(text)
  local untl, waits, token = string.match(text, '^c (%d+) (%d) (%S+)$')
  if untl and #untl < 17 then
    return { untl = tonumber(untl), waits = waits == '1', token = token }
  end
end

function claiming.prepare(key, token, renew)
  local text = redis.pcall('GET', key)
  if not text then
    return renew and 'l' or true
  end
  if type(text) == 'table' then
    return text
  end
  local kind = string.sub(text, 1, 1)
  if kind == 'd' or kind == 'f' then
    return renew and 'l' or text
  end
  local claim = parsed(text)
  if not claim then
    return { err = 'ERR ' .. key .. ' was not written by a claim: delete it' }
  end
  if claim.token == token then
    return true, claim.token
  end
  if renew then
    return 'l', claim.token
  end
  if claim.untl > now then
    return 'w' .. string.format('%.0f', math.ceil((claim.untl - now) / 1000)), claim.token
  end
  return true, claim.token
end

function claiming.apply(key, token, lease)
  local text = redis.call('GET', key)
  local claim = text and parsed(text)
  local waits = claim and claim.waits and 1 or 0
  local record = string.format('c %.0f %d %s', now + lease * 1000, waits, token)
  redis.call('SET', key, record, 'PX', string.format('%.0f', lease + GRACE))
end

function claiming.wait(key)
  local text = redis.call('GET', key)
  local claim = text and parsed(text)
  if claim and not claim.waits then
    redis.call('SET', key, string.format('c %.0f 1 %s', claim.untl, claim.token), 'KEEPTTL')
  end
end

function claiming.prepare_end(key, token)
  local text = redis.pcall('GET', key)
  if type(text) == 'table' then
    return text
  end
  local claim = text and parsed(text)
  return claim and claim.token == token and claim
end

function claiming.apply_end(key, kind, result, window)
  if window == '0' then
    redis.call('DEL', key)
  else
    redis.call('SET', key, kind .. result, 'PX', window)
  end
end
