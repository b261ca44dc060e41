// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Deadline, Deadlines} from "./lib/Deadlines.sol";

/// @title Deep learning as a service on health records that every authority signed (BinDaaS)
/// @notice After Bhattacharya, Tanwar, Bodkhe, Tyagi, Kumar 2021 (10.1109/TNSE.2019.2961932), of which only the abstract
/// was read. Hospitals register their encrypted records; all N authorities sign each of them; hospitals verify these
/// lattice signatures and vote on what they found. A provider asks for the records, request by request: all N
/// authorities sign the request too, and it is answered by those hospitals whose records were accepted and who consent.
/// @dev Lattice signatures are too large and too dear to verify here. What the contract holds is their content's hash,
/// by the account of the authority that made them; who verifies them is said at each function. Sets of hospitals are
/// bit maps, place p (from 0) being bit p % 256 of word p / 256.
contract BinDaaS {
    /*//////////////////////////////////////////////////////////////
                                 EVENTS
    //////////////////////////////////////////////////////////////*/

    /// @notice An authority fixed its public key.
    event KeyRegistered(address indexed authority, bytes32 hash);
    /// @notice A hospital's encrypted records lie under the content id with this digest.
    event RecordRegistered(address indexed hospital, bytes32 digest);
    /// @notice An authority's signatures of records lie under the content id with this digest.
    event RecordsSigned(address indexed authority, bytes32 digest);
    /// @notice A hospital verified all signatures and found this.
    event Verified(address indexed hospital, bytes32 verdict);
    /// @notice A record has a valid signature of every authority.
    event RecordAccepted(address indexed hospital);
    /// @notice A record lacks a valid signature of some authority, or most hospitals did not find that it has all.
    event RecordRefused(address indexed hospital);
    /// @notice A hospital consents to the use of its records, or no longer does.
    event ConsentSet(address indexed hospital, bool consents);
    /// @notice The provider asks for records; the digest is of who will read them and what for.
    event Requested(uint64 indexed round, bytes32 digest);
    /// @notice An authority's signature of the request lies under the content id with this digest.
    event Endorsed(uint64 indexed round, address indexed authority, bytes32 digest);
    /// @notice Every authority signed the request: it is a token, to be redeemed once.
    event Granted(uint64 indexed round);
    /// @notice The provider redeemed its token for the records of these hospitals.
    event Redeemed(uint64 indexed round, uint256[] hospitals);
    /// @notice A hospital found that the request lacks a valid signature, and keeps its key.
    event Objected(uint64 indexed round, address indexed hospital);
    /// @notice The request ended without a result, in this phase.
    event RequestRefused(uint64 indexed round, Phase phase);
    /// @notice What was learned from the records has this hash.
    event ResultPublished(uint64 indexed round, bytes32 digest);

    /*//////////////////////////////////////////////////////////////
                                STORAGE
    //////////////////////////////////////////////////////////////*/

    /// @notice What the contract waits for; it is idle between two requests.
    enum Phase { Keys, Registering, Signing, Verifying, Endorsing, Granting, Training, Idle }

    /// @notice Who may ask for records.
    address public immutable provider;
    /// @notice Blocks that a phase lasts at most.
    uint64 public immutable phaseBlocks;

    /// @notice What the contract waits for.
    Phase public phase;
    /// @notice The last block in which those who are silent are waited for.
    Deadline public deadline;
    /// @notice The present request, from 1; 0 before the first.
    uint64 public round;
    /// @notice Parties that did what this phase waits for.
    uint16 public done;
    /// @notice Hospitals that object to the present request.
    uint16 public objections;

    /// @dev The authorities, all of whom must sign.
    address[] private authorities;
    /// @dev The hospitals, in the order of their places.
    address[] private hospitals;
    /// @notice Who is an authority.
    mapping(address => bool) public isAuthority;
    /// @notice A hospital's place, from 1; 0 for everybody else.
    mapping(address => uint16) public placeOf;

    /// @notice Hash of an authority's public key.
    mapping(address => bytes32) public keyOf;
    /// @notice Digest of a hospital's encrypted records, their pointer as well.
    mapping(address => bytes32) public recordOf;
    /// @notice Digest of an authority's signatures of records.
    mapping(address => bytes32) public signaturesOf;
    /// @notice Digest of an authority's signature of the present request.
    mapping(address => bytes32) public endorsementOf;
    /// @notice The last request that an authority signed.
    mapping(address => uint64) public endorsedIn;
    /// @notice The last request that a hospital objected to.
    mapping(address => uint64) public objectedIn;
    /// @notice What a hospital voted.
    mapping(address => bytes32) public verdictOf;
    /// @notice Hospitals that voted so.
    mapping(bytes32 => uint16) public votes;
    /// @notice Hash of what came of a request.
    mapping(uint64 => bytes32) public resultOf;

    /// @dev Hospitals that registered records.
    uint256[] private registered;
    /// @dev Hospitals whose records every authority so far says to have signed.
    uint256[] private signed;
    /// @dev Hospitals whose records were accepted.
    uint256[] private accepted;
    /// @dev Hospitals that consent.
    uint256[] private consenting;

    modifier during(Phase expected) {
        require(phase == expected, "in another phase");
        _;
    }

    modifier onlyAuthority() {
        require(isAuthority[msg.sender], "not an authority");
        _;
    }

    modifier onlyHospital() {
        require(placeOf[msg.sender] > 0, "not a hospital");
        _;
    }

    modifier onlyProvider() {
        require(msg.sender == provider, "not the provider");
        _;
    }

    /*//////////////////////////////////////////////////////////////
                              CONSTRUCTOR
    //////////////////////////////////////////////////////////////*/

    /// @notice List the authorities, the hospitals and the provider.
    constructor(address[] memory authorities_, address[] memory hospitals_, address provider_, uint64 phaseBlocks_) {
        require(authorities_.length > 0, "no authority");
        require(hospitals_.length > 0, "no hospital");
        require(provider_ != address(0), "no provider");
        for (uint256 i = 0; i < authorities_.length; i++) {
            require(!isAuthority[authorities_[i]], "authority listed twice");
            isAuthority[authorities_[i]] = true;
        }
        for (uint256 i = 0; i < hospitals_.length; i++) {
            require(placeOf[hospitals_[i]] == 0, "hospital listed twice");
            placeOf[hospitals_[i]] = uint16(i + 1);
        }
        uint256 words = (hospitals_.length + 255) / 256;
        (registered, signed) = (new uint256[](words), new uint256[](words));
        (accepted, consenting) = (new uint256[](words), new uint256[](words));
        for (uint256 i = 0; i < words; i++) signed[i] = type(uint256).max;
        (authorities, hospitals, provider, phaseBlocks) = (authorities_, hospitals_, provider_, phaseBlocks_);
        _enter(Phase.Keys);
    }

    /*//////////////////////////////////////////////////////////////
                     PHASE 0: AUTHORITIES AND KEYS
    //////////////////////////////////////////////////////////////*/

    /// @notice An authority fixes its key by hash. All do before any shows its key, so none can choose its own so that
    /// it cancels another's out of the sum (a rogue key).
    function registerKey(bytes32 hash) external during(Phase.Keys) onlyAuthority {
        require(hash != 0, "no key");
        require(keyOf[msg.sender] == 0, "already has a key");
        keyOf[msg.sender] = hash;
        emit KeyRegistered(msg.sender, hash);
        if (++done == authorities.length) _enter(Phase.Registering);
    }

    /*//////////////////////////////////////////////////////////////
                            PHASE 1: RECORDS
    //////////////////////////////////////////////////////////////*/

    /// @notice A hospital registers its encrypted records, and consents to their use or does not yet.
    function register(bytes32 digest, bool consents) external during(Phase.Registering) onlyHospital {
        require(digest != 0, "no records");
        require(recordOf[msg.sender] == 0, "already registered");
        recordOf[msg.sender] = digest;
        _toggle(registered);
        emit RecordRegistered(msg.sender, digest);
        if (consents) _consent(true);
        if (++done == hospitals.length) _enter(Phase.Signing);
    }

    /// @notice An authority says whose records it signed, and where its signatures are. The last one opens their
    /// verification.
    function attest(uint256[] calldata which, bytes32 digest) external during(Phase.Signing) onlyAuthority {
        require(keyOf[msg.sender] != 0, "has no key");
        require(which.length == signed.length, "another number of words");
        require(digest != 0, "no signatures");
        require(signaturesOf[msg.sender] == 0, "already attested");
        signaturesOf[msg.sender] = digest;
        for (uint256 i = 0; i < which.length; i++) signed[i] &= which[i];
        emit RecordsSigned(msg.sender, digest);
        if (++done == authorities.length) _enter(Phase.Verifying);
    }

    /// @notice A hospital verified all signatures of all records off chain, and votes for the hash of the bit map of
    /// those that have a valid one of every authority.
    function vote(bytes32 verdict) external during(Phase.Verifying) onlyHospital {
        require(verdict != 0, "no verdict");
        require(verdictOf[msg.sender] == 0, "already voted");
        (verdictOf[msg.sender], done) = (verdict, done + 1);
        votes[verdict]++;
        emit Verified(msg.sender, verdict);
    }

    /// @notice Anybody has the bit map accepted that more than half of all hospitals voted for.
    function accept(uint256[] calldata which) external during(Phase.Verifying) {
        require(which.length == accepted.length, "another number of words");
        require(2 * uint256(votes[keccak256(abi.encodePacked(which))]) > hospitals.length, "no majority");
        for (uint256 i = 0; i < which.length; i++) accepted[i] = which[i] & signed[i] & registered[i];
        _decided();
    }

    /// @notice A hospital gives its consent, or takes it back; from then on no token is redeemed for its records.
    function setConsent(bool consents) external onlyHospital {
        require(recordOf[msg.sender] != 0, "nothing registered");
        require(_has(consenting, placeOf[msg.sender] - 1) != consents, "nothing changes");
        _consent(consents);
    }

    /*//////////////////////////////////////////////////////////////
                     PHASES 2 AND 3: REQUESTS, RESULTS
    //////////////////////////////////////////////////////////////*/

    /// @notice The provider asks for records; the digest says who will read them and what for.
    function request(bytes32 digest) external during(Phase.Idle) onlyProvider {
        (round, objections) = (round + 1, 0);
        emit Requested(round, digest);
        _enter(Phase.Endorsing);
    }

    /// @notice An authority signed the request; with the last of them it is granted.
    function endorse(bytes32 digest) external during(Phase.Endorsing) onlyAuthority {
        require(keyOf[msg.sender] != 0, "has no key");
        require(digest != 0, "no signature");
        require(endorsedIn[msg.sender] < round, "already endorsed");
        (endorsementOf[msg.sender], endorsedIn[msg.sender]) = (digest, round);
        emit Endorsed(round, msg.sender, digest);
        if (++done < authorities.length) return;
        emit Granted(round);
        _enter(Phase.Granting);
    }

    /// @notice The provider redeems its token, once: hospitals that consent now give it the keys of accepted records.
    function redeem(uint64 token) external onlyProvider {
        require(token == round, "not the present token");
        require(phase == Phase.Granting, "not granted, or used");
        uint256[] memory which = consenting;
        for (uint256 i = 0; i < which.length; i++) which[i] &= accepted[i];
        emit Redeemed(token, which);
        _enter(Phase.Training);
    }

    /// @notice A hospital found the request without a valid signature of some authority. It keeps its key; where more
    /// than half of all hospitals say so, the request is refused.
    function object() external during(Phase.Training) onlyHospital {
        require(objectedIn[msg.sender] < round, "already objected");
        objectedIn[msg.sender] = round;
        emit Objected(round, msg.sender);
        if (2 * uint256(++objections) > hospitals.length) _refuse();
    }

    /// @notice The provider publishes the hash of what it learned.
    function publishResult(bytes32 digest) external during(Phase.Training) onlyProvider {
        require(digest != 0, "no result");
        resultOf[round] = digest;
        emit ResultPublished(round, digest);
        _rest();
    }

    /// @notice Go on without those who are late. What not every authority signed by then is refused.
    function close() external {
        deadline.requirePassed();
        if (phase == Phase.Keys) _enter(Phase.Registering);
        else if (phase == Phase.Registering) _enter(Phase.Signing);
        else if (phase == Phase.Signing || phase == Phase.Verifying) _decided();
        else _refuse();
    }

    /*//////////////////////////////////////////////////////////////
                                 VIEWS
    //////////////////////////////////////////////////////////////*/

    /// @notice The authorities and the hashes of their keys, 0 where there is none.
    function keys() external view returns (address[] memory who, bytes32[] memory hashes) {
        return (authorities, _of(keyOf, authorities));
    }

    /// @notice The hospitals and the digests of their records, 0 where there are none.
    function records() external view returns (address[] memory who, bytes32[] memory digests) {
        return (hospitals, _of(recordOf, hospitals));
    }

    /// @notice The authorities and the digests of their signatures of records, 0 where there are none.
    function signatures() external view returns (address[] memory who, bytes32[] memory digests) {
        return (authorities, _of(signaturesOf, authorities));
    }

    /// @notice The authorities and the digests of their signatures of the last request each signed.
    function endorsements() external view returns (address[] memory who, bytes32[] memory digests) {
        return (authorities, _of(endorsementOf, authorities));
    }

    /// @notice Whether a hospital's records were accepted, whether it consents, of each hospital.
    function standing() external view returns (address[] memory who, bool[] memory isAccepted, bool[] memory consents) {
        (who, isAccepted, consents) = (hospitals, new bool[](hospitals.length), new bool[](hospitals.length));
        for (uint256 i = 0; i < who.length; i++) {
            (isAccepted[i], consents[i]) = (_has(accepted, i), _has(consenting, i));
        }
    }

    /*//////////////////////////////////////////////////////////////
                                INTERNAL
    //////////////////////////////////////////////////////////////*/

    function _enter(Phase next) private {
        (phase, done, deadline) = (next, 0, Deadlines.within(phaseBlocks));
    }

    /// @dev Nobody is waited for.
    function _rest() private {
        (phase, done, deadline) = (Phase.Idle, 0, Deadlines.NEVER);
    }

    /// @dev Say of each record that was registered whether it is accepted.
    function _decided() private {
        address[] memory all = hospitals;
        for (uint256 i = 0; i < all.length; i++) {
            if (!_has(registered, i)) continue;
            if (_has(accepted, i)) emit RecordAccepted(all[i]);
            else emit RecordRefused(all[i]);
        }
        _rest();
    }

    function _refuse() private {
        emit RequestRefused(round, phase);
        _rest();
    }

    function _consent(bool consents) private {
        _toggle(consenting);
        emit ConsentSet(msg.sender, consents);
    }

    function _toggle(uint256[] storage map) private {
        uint256 place = placeOf[msg.sender] - 1;
        map[place / 256] ^= 1 << place % 256;
    }

    function _has(uint256[] storage map, uint256 place) private view returns (bool) {
        return map[place / 256] >> place % 256 & 1 == 1;
    }

    function _of(mapping(address => bytes32) storage map, address[] storage who)
        private
        view
        returns (bytes32[] memory found)
    {
        found = new bytes32[](who.length);
        for (uint256 i = 0; i < found.length; i++) found[i] = map[who[i]];
    }
}
