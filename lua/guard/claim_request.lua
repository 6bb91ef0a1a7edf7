--- Claim a request by its idempotency key, keep the claim, or learn what came of it. Completed by complete.lua.
--
-- Invariant: as in claim.lua, and a key stands for one request: a caller with another fingerprint gets "x", whatever the state, and
-- changes nothing. The fingerprint is the end of the claim's token, and the beginning of what complete.lua stores.
--
-- A process that dies before the completion leaves a claim that the same request takes over when its lease ends.
-- @batch 16
-- @full refused      it may add a claim
-- @include guard/claiming
-- @shared lease      milliseconds until the claim may be taken over
-- @item key key      string: the claim, or what came of it
-- @item arg token    of the caller, unlike any other's; ends with "/" and the fingerprint
-- @item arg mode     "t" to try, "w" to try and wait for the result, "r" to keep a claim
-- @returns string    "c": the claim is the caller's; "w" and milliseconds: another caller's for so long; "l": no longer the caller's; "x": of another request; "d" or "f", the fingerprint and what was stored

lease = tonumber(lease)

local function item(key, token, mode)
  local fingerprint = string.match(token, '/(.*)$') or ''
  local may, holder = claiming.prepare(key, token, mode == 'r')
  if holder and string.match(holder, '/(.*)$') ~= fingerprint then
    return 'x'
  end
  if may == true then
    claiming.apply(key, token, lease)
    return 'c'
  end
  if type(may) == 'string' then
    local state = string.sub(may, 1, 1)
    if (state == 'd' or state == 'f') and string.sub(may, 2, 1 + #fingerprint) ~= fingerprint then
      return 'x'
    end
    if state == 'w' and mode == 'w' then
      claiming.wait(key)
    end
  end
  return may
end
