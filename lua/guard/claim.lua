--- Claim what is to run once, keep the claim, or learn what came of it.
--
-- Invariant: at any moment of Redis' clock at most one claim is in force for a key. If the claimer dies before or after it ran, nothing is
-- completed, and the claim may be taken over when its lease ends; its own completion is refused from then on. If it dies after the
-- completion, the result is there. A claimer whose call got no answer asks again with its token and gets the claim.
-- @batch 64
-- @full refused      it may add a claim
-- @include guard/claiming
-- @shared lease      milliseconds until the claim may be taken over
-- @item key key      string: the claim, or what came of it
-- @item arg token    of the caller, unlike any other's
-- @item arg renew    1 to keep a claim, else 0
-- @returns string    "c": the claim is the caller's; "w" and milliseconds: somebody else's for so long; "l": no longer the caller's; "d" and the result, or "f" and the failure

lease = tonumber(lease)

local function item(key, token, renew)
  local may = claiming.prepare(key, token, renew == '1')
  if may == true then
    claiming.apply(key, token, lease)
    return 'c'
  end
  if type(may) == 'string' and string.sub(may, 1, 1) == 'w' then
    claiming.wait(key)
  end
  return may
end
