-- `claiming`: who runs what is to run once, and what came of it, in two phases. The key is a string of its own for each id.
--
-- A record is "c until waits token" while somebody runs it (`until` the microsecond at which the claim may be taken over, `waits` 1 when
-- somebody waits for the result), or "d" or "f" and the result or the failure that is kept.
--
-- Invariant: only the token in the record can complete it. So there is one completion for each claim, and none of a claim that was
-- taken over.
--
-- - `claiming.prepare(key, token, renew)` reads: true when the claim is the token's to take (or, with `renew`, to keep); the record's text
--   "d…" or "f…" when it was completed; "w" and the milliseconds after which to ask again; "l" when a renewal comes too late; or an error.
--   Its second result is the token of the claim in the record, if there is one.
--   `claiming.apply(key, token, lease)` writes the claim. `claiming.wait(key)` notes that somebody waits.
-- - `claiming.prepare_end(key, token)` reads: the claim as {waits}, false when it is not the token's, or an error.
--   `claiming.apply_end(key, kind, result, window)` writes what came of it; a `window` of 0 forgets it.
-- @include now
local claiming = { prepare = nil, apply = nil, wait = nil, prepare_end = nil, apply_end = nil }

-- For so long after its lease a claim that nobody took over can still be completed.
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
    return { err = 'ERR ' .. key .. ' holds what no claim wrote: delete it' }
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
