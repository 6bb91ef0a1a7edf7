--- Claim an id whose body must run once, renew the claim, or return the stored result.
--
-- Invariant: at any moment of Redis' clock at most one claim is in force for a key. If the caller dies before its completion, the claim may
-- be taken over when its lease ends; after that its own completion is refused. If it dies after the completion, the result is stored.
-- A caller that got no answer asks again with its token and gets the claim.
-- @batch 64
-- @full refused      it may add a claim
-- @include guard/claiming
-- @shared lease      milliseconds until the claim may be taken over
-- @item key key      string: the claim, or its result
-- @item arg token    of the caller, different from any other
-- @item arg renew    1 to renew a claim, else 0
-- @returns string    "c": the claim is the caller's; "w" and milliseconds: another caller has it for so long; "l": it is no longer the caller's; "d" and the result, or "f" and the failure

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
